#!/bin/sh
# The real vLLM of the contract tests: a CPU build in an environment of its own (2 GB), outside the repository.
# Made once, and again when deploy/test-vllm.txt changes; a half-made one is made anew. Prints its path on the last line.
#   TEST_VLLM   where it is (default: patchwright-tests/vllm below the user's cache directory)
#   UV, PYTHON  the uv to use, and the Python 3.11 to make it with (default: the repository's)
set -eu
cd "$(dirname "$0")/.."
place=${TEST_VLLM:-${XDG_CACHE_HOME:-$HOME/.cache}/patchwright-tests/vllm}
uv=${UV:-.venv/bin/uv}
python=${PYTHON:-.venv/bin/python}
versions=deploy/test-vllm.txt
wanted=$(cksum <"$versions")
log=$place.log

say() { echo "test-vllm: $*" >&2; }
ready() { [ "$(cat "$place/.ready" 2>/dev/null)" = "$wanted" ] && [ -x "$place/bin/vllm" ]; }
install() { "$uv" pip install --no-deps --python "$place/bin/python" -r "$versions" "$@" >>"$log" 2>&1; }

mkdir -p "$(dirname "$place")"
exec 9>"$place.lock"
flock 9 # two runs at once: the second one waits, and finds it made
if ! ready; then
    [ "$(uname -sm)" = "Linux x86_64" ] || { say "vLLM for CPUs is installed for Linux on x86_64 only"; exit 1; }
    free=$(df -Pk "$(dirname "$place")" | awk 'NR == 2 { print $4 }')
    [ "$free" -gt 6000000 ] || { say "6 GB of free disk are needed at $(dirname "$place")"; exit 1; }
    say "installing vLLM for CPUs into $place (1 to 4 minutes, 2 GB; log: $log)"
    if [ -e "$place" ] && [ ! -e "$place/pyvenv.cfg" ]; then
        say "$place is there and is no environment of Python: it is not touched"
        exit 1
    fi
    rm -rf "$place"
    "$uv" venv -q --python "$python" "$place" 2>"$log"
    # Machines that keep a CPU build of torch for pip (PIP_FIND_LINKS) use it; elsewhere uv knows where those builds are.
    UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}" install || install --torch-backend cpu || {
        tail -n 5 "$log" >&2
        say "it could not be installed: see $log, then run 'sh deploy/test-vllm.sh' again"
        exit 1
    }
    echo "$wanted" >"$place/.ready"
fi
echo "$place"
