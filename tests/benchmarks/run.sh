#!/bin/sh
# All benchmarks, one after the other. The real bugs need the package registry.
set -eu
cd "$(dirname "$0")/../.."
for script in classic_programs bisection diagnose_bugs; do
    echo "== $script"
    sh tests/guarded.sh .venv/bin/python "tests/benchmarks/$script.py"
done
