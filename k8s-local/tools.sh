#!/bin/bash
# tools.sh COMMAND…: says which of these commands are not here and how to get them; then exit status 1.
set -euo pipefail
missing=0

lacks() { # WHAT HOW
	printf '✗ %s\n  %s\n' "$1" "$2" >&2
	missing=1
}

how() {
	case $1 in
	docker) echo 'Docker Engine or Docker Desktop: https://docs.docker.com/get-docker/' ;;
	kind) echo 'kind 0.30 or newer: https://kind.sigs.k8s.io/docs/user/quick-start/#installation (macOS: brew install kind)' ;;
	kubectl) echo 'kubectl: https://kubernetes.io/docs/tasks/tools/ (macOS: brew install kubectl)' ;;
	helm) echo 'Helm 3, which Skaffold needs: https://helm.sh/docs/intro/install/ (macOS: brew install helm@3)' ;;
	skaffold) echo 'Skaffold 2.15 or newer: https://skaffold.dev/docs/install/ (macOS: brew install skaffold)' ;;
	esac
}

for name; do
	if ! command -v "$name" >/dev/null; then
		lacks "$name is not installed" "$(how "$name")"
	elif [ "$name" = docker ] && ! trouble=$(docker info 2>&1 >/dev/null); then
		lacks "docker does not answer: ${trouble%%$'\n'*}" \
			'Start Docker Desktop, or: sudo systemctl start docker; on Linux you must also be in the group `docker`'
	fi
done
exit $missing
