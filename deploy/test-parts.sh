#!/bin/sh
# The real parts that the tests use. As root on Debian they are installed; elsewhere the missing one is named.
set -eu

need() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        [ -n "${updated:-}" ] || { apt-get update -qq; updated=1; }
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
        return 0
    fi
    echo "the tests need '$1': install it (Debian: apt-get install $2)" >&2
    exit 1
}

need git git
need node nodejs
need cargo cargo
