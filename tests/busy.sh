#!/bin/bash
# Runs a command beside one busy loop per core, to prove that no test fails because its machine is slow.
# For example: bash tests/busy.sh make test
set -uo pipefail

loops=()
trap 'kill "${loops[@]}"' EXIT
for ((core = 0; core < $(nproc); core++)); do
	while :; do :; done &
	loops+=($!)
done
"$@"
