#!/usr/bin/env bash
# Goes through the whole tutorial on this machine: builds the handler and the emulator, registers the
# toaster and the heat pump, shows the function's log and the devices' output, and compares both with
# what the tutorial promises. Exit code 0 when they agree.
#
# Usage: scripts/run.sh [options of dps-emulator tutorial]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname -sm)" = "Linux x86_64" ]; then
    scripts/build.sh
else
    scripts/build.sh --local
fi
exec cargo run --quiet --locked --package dps-emulator --bin dps-emulator -- tutorial "$@"
