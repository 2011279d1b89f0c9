#!/bin/bash
# mcp-secret.sh: creates the Secret of the sales agent's tools for `skaffold dev -p mcp`, and prints the token of the clients.
# A Secret that exists stays as it is.
set -euo pipefail
name=lea-payments
kubectl() { command kubectl --context "${SKAFFOLD_KUBE_CONTEXT:-kind-$name}" --namespace "$name" "$@"; }

kubectl get namespace "$name" >/dev/null 2>&1 || kubectl create namespace "$name"
# Not as arguments: every user of this machine could read them.
kubectl get secret lea-payments-mcp >/dev/null 2>&1 || kubectl create secret generic lea-payments-mcp --from-env-file=<(
	echo "MCP_TOKEN=$(openssl rand -hex 32)"
	echo "MCP_STATE_SECRET=$(openssl rand -hex 32)"
	echo "PAYMENTS_API_TOKEN=${PAYMENTS_API_TOKEN:-demo-token}"
)
echo "Token for http://localhost:8080/mcp: $(kubectl get secret lea-payments-mcp --output=jsonpath='{.data.MCP_TOKEN}' | base64 -d)"
