#!/usr/bin/env bash
# Installs the Azure IoT device SDKs that the tests register devices with: Python's into tests/sdk/python/.venv, that
# of Node.js into tests/sdk/node/node_modules. Versions are pinned; what is installed already is left alone.
# mosquitto_rr, which the tests use too, comes from apt where this script runs as root.
#
# Usage: scripts/install-sdks.sh
#
#   -h, --help   this text; there is no other option
#
# Exit codes: 0 installed, 1 not installed (standard error says what is missing), 64 unknown option.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"

fail() {
    echo "install-sdks.sh: $*" >&2
    exit 1
}

case ${1:-} in
    '') ;;
    -h | --help) usage && exit 0 ;;
    *) refuse_unknown "$1" ;;
esac

sdk="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/tests/sdk"

command -v python3 >/dev/null || fail "python3 is missing; install Python 3.9 or later (Debian: apt install python3 python3-venv)"
command -v node >/dev/null || fail "node is missing; install Node.js 18 or later (Debian: apt install nodejs npm)"

command -v curl >/dev/null || fail "curl is missing; install it (Debian: apt install curl)"
if ! command -v mosquitto_rr >/dev/null; then
    { [ "$EUID" = 0 ] && command -v apt-get >/dev/null && apt-get update && apt-get install --yes mosquitto-clients; } >&2 \
        || fail "mosquitto_rr is missing; install it (Debian: apt install mosquitto-clients)"
fi

# A copy of the list beside what was installed from it marks the installation as complete.
python="$sdk/python"
if ! cmp -s "$python/requirements.txt" "$python/.venv/installed.txt" || ! "$python/.venv/bin/python" -V >/dev/null; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing; install it (Debian: apt install python3-venv)"
    rm -rf "$python/.venv"
    python3 -m venv "$python/.venv"
    "$python/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$python/requirements.txt" \
        || fail "pip could not install $python/requirements.txt; its output is above"
    cp "$python/requirements.txt" "$python/.venv/installed.txt"
fi

node="$sdk/node"
if ! cmp -s "$node/package-lock.json" "$node/node_modules/installed.json"; then
    command -v npm >/dev/null || fail "npm is missing; install it (Debian: apt install npm)"
    npm ci --loglevel=error --prefix "$node" >/dev/null \
        || fail "npm could not install $node/package-lock.json; its output is above"
    cp "$node/package-lock.json" "$node/node_modules/installed.json"
fi
