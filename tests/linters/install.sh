#!/bin/bash
# Installs the linters that `make setup` does not: checkov, which pins a hundred packages, into an environment of its own, and
# with Go kubeconform and kube-score. `make check` skips those that are missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

.venv/bin/python -m venv .venv/checkov
.venv/checkov/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/checkov.txt
if command -v go >/dev/null; then
	GOBIN=$PWD/.venv/bin go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
	GOBIN=$PWD/.venv/bin go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0
else
	echo 'kubeconform and kube-score need Go: install it from https://go.dev/dl'
fi
