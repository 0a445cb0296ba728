#!/usr/bin/env bash
# Installs what the tests check scripts, workflows and queries with: shellcheck and check-jsonschema into
# tests/azure/checkers/.venv, the Kusto language service into tests/azure/checkers/node_modules. Versions are pinned;
# what is installed already is left alone.
#
# Usage: scripts/install-checkers.sh
#
#   -h, --help   this text; there is no other option
#
# Exit codes: 0 installed, 1 not installed (standard error says what is missing), 64 unknown option.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"

fail() {
  printf 'install-checkers.sh: %s\n' "$1" >&2
  exit 1
}

case ${1:-} in
  '') ;;
  -h | --help) usage && exit 0 ;;
  *) refuse_unknown "$1" ;;
esac

cd "$(dirname "$0")/../tests/azure/checkers"

command -v python3 >/dev/null || fail 'python3 is missing: install Python 3.9 or later (Debian: apt install python3 python3-venv)'
command -v npm >/dev/null || fail 'npm is missing: install Node.js 18 or later with npm (Debian: apt install nodejs npm)'

# A copy of the list beside what was installed from it marks the installation as complete.
if ! cmp -s requirements.txt .venv/installed.txt; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing: install it (Debian: apt install python3-venv)"
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt ||
    fail 'pip could not install tests/azure/checkers/requirements.txt; its output is above'
  cp requirements.txt .venv/installed.txt
fi

if ! cmp -s package-lock.json node_modules/installed.json; then
  npm ci --loglevel=error --no-audit --no-fund >/dev/null ||
    fail 'npm could not install tests/azure/checkers/package-lock.json; its output is above'
  cp package-lock.json node_modules/installed.json
fi
