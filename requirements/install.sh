#!/bin/bash
# install.sh demo|dev: creates .venv if it is missing or broken, and installs that lock file and this project into it.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/$1.txt

create_environment() {
	local python
	for python in python3.13 python3.12 python3.11 python3 ''; do
		[ "$python" ] || break
		"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
	done
	if [ ! "$python" ]; then
		echo 'No Python 3.11 or newer on the PATH: install one (Debian, Ubuntu: apt install python3 python3-venv).' >&2
		exit 1
	fi
	if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
		echo "$python cannot create environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2
		exit 1
	fi
	echo "Creating .venv with $("$python" --version)"
	"$python" -m venv --clear .venv
}

show_progress() {
	local count=0 line
	while read -r line; do
		case $line in
		'Collecting '*) ((++count % 20)) || echo "  package $count of $total" ;;
		'Installing collected '*) echo "  all $count downloaded, installing them" ;;
		esac
	done
}

.venv/bin/python -c '' 2>/dev/null || create_environment
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
total=$(grep -c == "$lock")
echo "Installing $total packages into .venv"
.venv/bin/python -m pip install --require-hashes --use-pep517 --no-compile --progress-bar off -r "$lock" | show_progress
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
touch ".venv/$1.stamp"
