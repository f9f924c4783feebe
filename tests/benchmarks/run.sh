#!/bin/sh
# All benchmarks, one after the other; ends with an error when one of them misses its aims. The real bugs need the
# package registry.
set -eu
cd "$(dirname "$0")/../.."
missed=""
for script in sandbox docker_sandbox thinking search localization bisection ci_logs classic_programs diagnose_bugs \
    reasoner_bugs incidents; do
    echo "== $script"
    sh tests/guarded.sh .venv/bin/python "tests/benchmarks/$script.py" || missed="$missed $script"
done
echo "== service"
sh tests/guarded.sh .venv/bin/python -m tests.benchmarks.service || missed="$missed service"
echo "== alerts"
sh tests/guarded.sh .venv/bin/python -m tests.benchmarks.alerts || missed="$missed alerts"
echo "== webhooks"
sh tests/guarded.sh .venv/bin/python -m tests.benchmarks.webhooks || missed="$missed webhooks"
[ -z "$missed" ] || { echo "missed:$missed" >&2; exit 1; }
