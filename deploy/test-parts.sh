#!/bin/sh
# The real parts that the tests use. As root on Debian they are installed; elsewhere the missing one is named.
set -eu

need() { # command, Debian packages
    program=$1
    shift
    command -v "$program" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        [ -n "${updated:-}" ] || { apt-get update -qq; updated=1; }
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
        return 0
    fi
    echo "the tests need '$program': install it (Debian: apt-get install $*)" >&2
    exit 1
}

need git git
need node nodejs
need mocha mocha
need go golang-go
need cc gcc libc6-dev
need make make
need cmake cmake
need cargo cargo
need openssl openssl
need systemd-analyze systemd
need npm npm
need prometheus prometheus
need rg ripgrep
need prometheus-alertmanager prometheus-alertmanager

# GitHub's own payloads, as somebody else keeps them. Nothing of a package is run.
examples=.cache/npm/webhooks-examples
[ -f "$examples/node_modules/@octokit/webhooks-examples/package.json" ] ||
    npm install --prefix "$examples" --ignore-scripts --no-audit --no-fund --silent @octokit/webhooks-examples@7.6.1

# GitHub's own description of its interface, as somebody else keeps it: one file of the package, and nothing is run.
description=.cache/npm/openapi
[ -f "$description/api.github.com.json" ] || (
    mkdir -p "$description"
    cd "$description"
    npm pack --silent @octokit/openapi@23.0.2 >/dev/null
    tar -xzf octokit-openapi-23.0.2.tgz --strip-components=2 package/generated/api.github.com.json
    rm octokit-openapi-23.0.2.tgz
)

# The same of its webhooks' payloads.
webhooks=.cache/npm/openapi-webhooks
[ -f "$webhooks/api.github.com.json" ] || (
    mkdir -p "$webhooks"
    cd "$webhooks"
    npm pack --silent @octokit/openapi-webhooks@12.1.0 >/dev/null
    tar -xzf octokit-openapi-webhooks-12.1.0.tgz --strip-components=2 package/generated/api.github.com.json
    rm octokit-openapi-webhooks-12.1.0.tgz
)

# An S3 server (moto) in an environment of its own: what it needs does not fit beside ours. Its path: tests/s3.py.
s3=${TEST_S3:-${XDG_CACHE_HOME:-$HOME/.cache}/patchwright-tests/s3}
if [ ! -x "$s3/bin/moto_server" ]; then
    cd "$(dirname "$0")/.."
    "${UV:-.venv/bin/uv}" venv -q --clear --python "${PYTHON:-.venv/bin/python}" "$s3"
    "${UV:-.venv/bin/uv}" pip install -q --python "$s3/bin/python" "moto[server]==5.1.22"
fi

# A Docker engine: whichever answers; else, as root on Debian, the distribution's, started by hand where nothing starts
# services. Its log is beside its data. Images for the tests are made from this machine's own files, without a registry.
socket=/var/run/docker.sock
answers() {
    [ -n "${DOCKER_HOST:-}" ] && return 0 # somebody's own engine: the tests say what is wrong with it
    [ -S "$socket" ] && curl -sf -m 5 --unix-socket "$socket" http://docker/_ping >/dev/null 2>&1
}
need curl curl
if ! answers; then
    need dockerd docker.io
    need iptables iptables
    service docker start >/dev/null 2>&1 || :
    for _ in 1 2 3 4 5 6; do answers && break || sleep 0.5; done
    if ! answers && [ "$(id -u)" = 0 ]; then
        mkdir -p /var/lib/docker
        setsid dockerd >/var/lib/docker/patchwright-tests.log 2>&1 </dev/null &
    fi
    for _ in $(seq 60); do answers && break || sleep 0.5; done
    answers || {
        echo "the tests need a Docker engine, and none answers at $socket: start one (systemctl start docker)," >&2
        echo "or as root: dockerd (its log: /var/lib/docker/patchwright-tests.log)" >&2
        exit 1
    }
fi
