#!/usr/bin/env bash
# Builds the handler and runs it under the real Functions host, with Azure Functions Core Tools.
#
# Usage: scripts/start.sh [options of func start]
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v func >/dev/null; then
    echo "start.sh: there is no 'func'; 'npm install --global azure-functions-core-tools@4' gets it, and scripts/run.sh needs none" >&2
    exit 1
fi
if [ "$(uname -sm)" = "Linux x86_64" ]; then
    scripts/build.sh
else
    scripts/build.sh --local
fi
exec func start "$@"
