#!/bin/bash
# install.sh demo|dev: finds a Python and installs that lock file and this project into .venv. Does nothing if they are there.
set -euo pipefail
trap 'echo "Interrupted. The same command starts the installation again." >&2; exit 130' INT
cd -P "$(dirname "$0")/.."

# is_installed LOCK: the packages of LOCK were installed after it was changed
is_installed() {
	[ ".venv/$1.stamp" -nt "requirements/$1.txt" ] && [ ".venv/$1.stamp" -nt pyproject.toml ]
}

# A Python that was removed, and a folder that was moved or copied, leave a .venv that does not work.
works_here() {
	{ grep -qF "$PWD/.venv/bin/python" .venv/bin/pip && .venv/bin/python -c 'import lea_demo'; } 2>/dev/null
}

# The tested versions first, the highest one first; then newer ones; then whatever has a general name.
python_names() {
	echo python3.14 python3.13 python3.12 python3.11
	compgen -c python3. | grep -xE 'python3\.(1[5-9]|[2-9][0-9])' | sort -u -t. -k2,2n || true
	echo python3 python
}

find_python() {
	local name unusable=''
	for name in $(python_names); do
		"$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
		"$name" -c 'import ensurepip, ssl, venv' 2>/dev/null && python=$name && return
		unusable=${unusable:-$name}
	done
	if [ "$unusable" ]; then
		echo "✗ $unusable cannot create environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2
	else
		echo '✗ No Python 3.11 or newer on the PATH: install one (Debian, Ubuntu: apt install python3 python3-venv).' >&2
	fi
	exit 1
}

# The demo needs only half of the packages, so its first start is faster. After `make setup` nothing is left to install.
if is_installed "$1" || { [ "$1" = demo ] && is_installed dev; }; then
	works_here && exit
fi
PATH=${PATH//"$PWD/.venv/bin:"/} # an active .venv cannot create itself again
find_python
# Without site, Python starts so fast that Ctrl-C finds the handler of the installation, and no traceback.
exec "$python" -S requirements/install.py "$1"
