#!/bin/sh
# reload.sh SERVICE: the entry point of the `dev` image. Runs a copy of the code in /tmp, which Skaffold can write to although
# the root file system is read-only, and restarts the service after each change. Other commands run once.
set -eu
case ${1:-} in
webhook | pages | checkout | reconciler) ;;
*) exec lea-payments "$@" ;;
esac
# A restarted container keeps the copy of its pod, with Skaffold's changes.
if [ ! -d /tmp/app ]; then
	mkdir -p /tmp/new
	cp -R --preserve=timestamps /app/lea_payments /tmp/new
	mv /tmp/new /tmp/app
fi
export PYTHONPATH=/tmp/app
exec /app/.reloader/bin/python -m watchfiles "lea-payments $*" /tmp/app
