#!/bin/bash
# Runs all tests; the arguments go to each pytest. The unit tests run in the background at a low priority, because the
# other tests often wait; in one process, because several take a third more CPU time. Their output comes last.
# MEASURED are the unit tests of which coverage is measured, OTHERS the rest of them. Coverage takes as much CPU time as
# the tests that it measures: it is measured in CI and with --all.
set -uo pipefail
INTERRUPTED=2 # pytest's exit status after Ctrl-C

FOLDERS=(tests/integration tests/docs tests/chart tests/monitoring)

log=$(mktemp)
unit_tests() {
	local status=0
	if [ "${CI-}" != true ] && [[ " $* " != *' --all '* ]]; then
		# shellcheck disable=SC2086 # they are lists
		nice -n 5 .venv/bin/pytest -n 0 $MEASURED $OTHERS "$@"
		return
	fi
	# shellcheck disable=SC2086
	nice -n 5 .venv/bin/pytest -n 0 $MEASURED --cov "$@" || status=$?
	# shellcheck disable=SC2086
	nice -n 5 .venv/bin/pytest -n 0 $OTHERS "$@" || status=$?
	return "$status"
}
set -m # the background job gets a process group of its own, by which it can be ended
unit_tests "$@" >"$log" 2>&1 </dev/null &
unit=$!
set +m
trap 'kill -- "-$unit" 2>/dev/null; rm -f "$log"' EXIT

# pytest compiles each test file once, with its assertions rewritten. In a new clone all processes would do it at once.
if [ ! -d tests/integration/__pycache__ ]; then
	.venv/bin/pytest -n 0 --collect-only -qq "${FOLDERS[@]}" >/dev/null
fi
echo 'The unit tests run beside these tests. Their results come last.'
status=0
.venv/bin/pytest -n auto "${FOLDERS[@]}" "$@" || status=$?
[ "$status" = "$INTERRUPTED" ] && exit "$status"
wait "$unit" || status=$?
cat "$log"
exit "$status"
