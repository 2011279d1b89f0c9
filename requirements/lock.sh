#!/bin/bash
# lock.sh [--upgrade] writes the lock files from pyproject.toml. lock.sh --check fails if they differ from what it would
# write, or if they contain the address of a registry: everybody installs from the registry that they have configured.
set -euo pipefail
cd "$(dirname "$0")/.."

# compile FOLDER [--upgrade]: the largest file first; the others start from its versions, so that all files agree
compile() {
	local name uv=(.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
		--no-emit-index-url --no-header)
	"${uv[@]}" pyproject.toml --extra demo --extra dev --output-file "$1/dev.txt" "${@:2}"
	for name in demo mcp; do
		cp "$1/dev.txt" "$1/$name.txt"
		"${uv[@]}" pyproject.toml --extra "$name" --output-file "$1/$name.txt"
	done
	cp "$1/dev.txt" "$1/service.txt"
	"${uv[@]}" pyproject.toml --output-file "$1/service.txt"
	for name in emulator reloader; do
		[ -f "$1/$name.txt" ] || cp "$1/dev.txt" "$1/$name.txt"
		"${uv[@]}" --group "$name" --constraints requirements/dev.txt --no-annotate --output-file "$1/$name.txt" "${@:2}"
	done
	# In virtual environments of their own, so their versions need not agree with ours.
	for name in clients checkov; do
		"${uv[@]}" --group "$name" --no-annotate --output-file "$1/$name.txt" "${@:2}"
	done
}

check() {
	local name
	if grep -nE '://|^ *-' requirements/*.txt | grep -v -- '    --hash=sha256:'; then
		echo 'A lock file contains an address or an option: remove it. Only names, versions and hashes may be there.' >&2
		return 1
	fi
	fresh=$(mktemp -d)
	trap 'rm -rf "$fresh"' EXIT
	cp requirements/{dev,emulator,reloader,clients,checkov}.txt "$fresh"
	compile "$fresh"
	for name in service demo mcp dev emulator reloader clients checkov; do
		cmp "requirements/$name.txt" "$fresh/$name.txt" || {
			echo "requirements/$name.txt does not match pyproject.toml: run \`make lock\`." >&2
			return 1
		}
	done
	echo 'The lock files are up to date.'
}

if [ "${1:-}" = --check ]; then
	check
else
	compile requirements "$@"
	.venv/bin/python requirements/lock_dynamodb_local.py services/lea_demo/dynamodb_local.lock
fi
