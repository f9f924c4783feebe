#!/bin/sh
# beside.sh TESTS -- COMMAND …: run the command, and those tests in a process beside it; what they print comes after it.
# It fails when one of both does.
set -u
tests=$1
shift 2
said=$(mktemp)
# A shell lets what it starts beside itself ignore SIGINT, and tests of interrupts need it.
"${BIN:-.venv/bin}/python" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])' "$tests" >"$said" 2>&1 </dev/null &
beside=$!
trap 'kill "$beside" 2>/dev/null; rm -f "$said"' EXIT
trap 'exit 130' INT TERM
"$@"
code=$?
wait "$beside" || code=$?
cat "$said"
exit "$code"
