#!/bin/bash
# cluster.sh up|delete: makes the kind cluster of kind.yaml ready for `skaffold dev`, or removes it. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")"
name=lea-payments
images=(
	amazon/dynamodb-local:3.1.0 aaronshaf/dynamodb-admin:5.3.3
	prom/prometheus:v3.16.0 jaegertracing/jaeger:2.13.0 grafana/grafana:12.3.0
)
kubectl() { command kubectl --context "kind-$name" "$@"; }

exists() { kind get clusters --quiet | grep -qx "$name"; }

create() { kind create cluster --name "$name" --config kind.yaml --wait 3m; }

# After a restart of Docker the node may be stopped, and another KUBECONFIG knows nothing of the cluster.
resume() {
	echo "The cluster $name exists."
	docker start "$name-control-plane" >/dev/null
	kubectl config get-contexts "kind-$name" >/dev/null 2>&1 || kind export kubeconfig --name "$name"
	local try
	for try in $(seq 60); do
		kubectl get --raw /readyz >/dev/null 2>&1 && return
		sleep 1
	done
	echo "✗ It does not answer. Make it anew: make cluster-delete && make cluster" >&2
	exit 1
}

# A node pulls what it lacks. What this machine's Docker has already need not come over the network again.
load_images() {
	local image
	for image in "${images[@]}"; do
		docker image inspect "$image" >/dev/null 2>&1 || continue
		kind load docker-image --name "$name" "$image" ||
			echo "$image was not loaded; the cluster pulls it when it needs it."
	done
}

# What breaks the restricted Pod Security Standard is refused here too.
make_namespace() { # NAME
	kubectl apply -f - <<-YAML
		apiVersion: v1
		kind: Namespace
		metadata:
		  name: $1
		  labels: {pod-security.kubernetes.io/enforce: restricted}
	YAML
}

case ${1:-} in
up)
	bash tools.sh docker kind kubectl helm skaffold
	if exists; then resume; else create; fi
	load_images
	make_namespace "$name"
	make_namespace monitoring
	kubectl apply -f metrics-server.yaml >/dev/null
	echo 'The cluster is ready. Next: skaffold dev'
	;;
delete)
	bash tools.sh docker kind
	if exists; then kind delete cluster --name "$name"; else echo "There is no cluster $name."; fi
	;;
*)
	echo 'usage: cluster.sh up|delete' >&2
	exit 2
	;;
esac
