#!/bin/bash
# tools.sh COMMAND…: prints which of these commands are missing and how to install them. Exit status 1 if any is missing.
set -euo pipefail
missing=0

report_missing() { # PROBLEM REMEDY
	printf '✗ %s\n  %s\n' "$1" "$2" >&2
	missing=1
}

remedy() {
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
		report_missing "$name is not installed" "$(remedy "$name")"
	elif [ "$name" = docker ] && ! problem=$(docker info 2>&1 >/dev/null); then
		report_missing "docker does not answer: ${problem%%$'\n'*}" \
			'Start Docker Desktop, or: sudo systemctl start docker; on Linux you must also be in the group `docker`'
	fi
done
exit $missing
