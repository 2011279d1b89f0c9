#!/bin/bash
# Runs all tests; the arguments go to each pytest. The unit tests run in the background at a low priority, because the
# other tests often wait; in one process, because several take a third more CPU time. Their output comes last.
# MEASURED are the unit tests of which coverage is measured, OTHERS the rest of them. Coverage takes as much CPU time as
# the tests that it measures: it is measured in CI and with --all.
set -uo pipefail
INTERRUPTED=2 # pytest's exit status after Ctrl-C

log=$(mktemp)
pytest_behind() {
	nice -n 5 .venv/bin/pytest -n 0 "$@"
}
unit_tests() {
	local status=0
	# shellcheck disable=SC2086 # they are lists
	if [ "${CI-}" != true ] && [[ " $* " != *' --all '* ]]; then
		pytest_behind $MEASURED $OTHERS "$@"
	else
		pytest_behind $MEASURED --cov "$@" || status=$?
		pytest_behind $OTHERS "$@" || status=$?
		return "$status"
	fi
}
set -m # the background job gets a process group of its own, by which it can be ended
unit_tests "$@" >"$log" 2>&1 </dev/null &
unit=$!
set +m
trap 'kill -- "-$unit" 2>/dev/null; rm -f "$log"' EXIT

echo 'The unit tests run beside these tests. Their results come last.'
status=0
.venv/bin/pytest -n auto tests/integration tests/docs tests/chart tests/monitoring "$@" || status=$?
[ "$status" = "$INTERRUPTED" ] && exit "$status"
wait "$unit" || status=$?
cat "$log"
exit "$status"
