#!/bin/bash
# cluster.sh up|delete: creates the kind cluster of kind.yaml for `skaffold dev`, or deletes it. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")"
name=lea-payments
kubectl() { command kubectl --context "kind-$name" "$@"; }

exists() { kind get clusters --quiet | grep -qx "$name"; }

create() { kind create cluster --name "$name" --config kind.yaml --wait 3m; }

# After a restart of Docker, the node may be stopped. A new KUBECONFIG has no entry for the cluster.
resume() {
	echo "The cluster $name exists."
	docker start "$name-control-plane" >/dev/null
	kubectl config get-contexts "kind-$name" >/dev/null 2>&1 || kind export kubeconfig --name "$name"
	local attempt
	for attempt in $(seq 60); do
		kubectl get --raw /readyz >/dev/null 2>&1 && return
		sleep 1
	done
	echo "✗ The cluster does not answer. Create it again: make cluster-delete && make cluster" >&2
	exit 1
}

# Copies images from this machine's Docker into the cluster, to save a download. The cluster pulls all others.
load_images() {
	local image
	for image in $(bash images.sh); do
		docker image inspect "$image" >/dev/null 2>&1 || continue
		kind load docker-image --name "$name" "$image" ||
			echo "$image was not loaded; the cluster pulls it when it needs it."
	done
}

# The namespaces enforce the restricted Pod Security Standard, so a violation fails here as in production.
create_namespace() { # NAME
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
	create_namespace "$name"
	create_namespace monitoring
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
