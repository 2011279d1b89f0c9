#!/bin/sh
# reload.sh PART: the entry of the `dev` image. Serves from a copy in /tmp, where Skaffold may write though the root is
# read-only, and serves again after each change. A command that is no server runs once.
set -eu
case ${1:-} in
webhook | pages | checkout | reconciler) ;;
*) exec lea-payments "$@" ;;
esac
# A container that starts again in its pod keeps the copy as Skaffold left it.
if [ ! -d /tmp/app ]; then
	mkdir -p /tmp/new
	cp -R --preserve=timestamps /app/lea_payments /tmp/new
	mv /tmp/new /tmp/app
fi
export PYTHONPATH=/tmp/app
exec /app/.reloader/bin/python -m watchfiles "lea-payments $*" /tmp/app
