#!/usr/bin/env bash
# Builds the handler and runs it under the real Functions host, with Azure Functions Core Tools (func).
#
# Usage: scripts/start.sh [options of func start]
#
#   -h, --help   this text; `func start --help` lists the options
#
# Exit codes: that of func start; 1 if func is not installed or the build fails.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
cd "$(dirname "$0")/.."

if ! command -v func >/dev/null; then
    echo "start.sh: func is not installed; run 'npm install --global azure-functions-core-tools@4' (scripts/run.sh works without it)" >&2
    exit 1
fi
if [ "$(uname -sm)" = "Linux x86_64" ]; then
    scripts/build.sh
else
    scripts/build.sh --local
fi
exec func start "$@"
