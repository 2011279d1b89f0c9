#!/bin/bash
# stripe-secret.sh: copies the Stripe sandbox in the environment into the Secret that `skaffold dev` and `skaffold run` use.
# Refuses live keys, and one variable without the other.
set -euo pipefail
name=lea-payments
kubectl() { command kubectl --context "${SKAFFOLD_KUBE_CONTEXT:-kind-$name}" --namespace "$name" "$@"; }
refuse() {
	echo "✗ $1" >&2
	exit 1
}

key=${STRIPE_SECRET_KEY:-} secret=${STRIPE_WEBHOOK_SECRET:-}
unset_them='or unset STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET to use the Stripe emulator'
case $key in
sk_test_* | rk_test_*) ;;
'') refuse "STRIPE_SECRET_KEY is missing: set it to the sk_test_… key of your Stripe sandbox, $unset_them" ;;
*) refuse "STRIPE_SECRET_KEY is not the key of a Stripe sandbox: set one that starts with sk_test_ or rk_test_, $unset_them" ;;
esac
[ "$secret" ] ||
	refuse "STRIPE_WEBHOOK_SECRET is missing: set it to the output of \`stripe listen --print-secret\`, $unset_them"

kubectl get namespace "$name" >/dev/null 2>&1 || kubectl create namespace "$name"
# Not as arguments: every user of this machine could read them.
kubectl create secret generic lea-payments-stripe --dry-run=client --output=yaml --from-env-file=<(
	echo "STRIPE_SECRET_KEY=$key"
	echo "STRIPE_WEBHOOK_SECRET=$secret"
	echo "PAYMENTS_API_TOKEN=${PAYMENTS_API_TOKEN:-demo-token}"
) | kubectl apply --server-side --force-conflicts -f -
echo 'To receive the events of the sandbox: stripe listen --forward-to localhost:8086/webhook/stripe'
