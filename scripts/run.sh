#!/usr/bin/env bash
# Runs the whole tutorial on this machine: builds the handler and the emulator, registers the toaster and the heat
# pump, shows the function's log and the devices' output, and compares both with the tutorial's.
#
# Usage: scripts/run.sh [options of dps-emulator tutorial]
#
#   -h, --help   this text; `cargo run --package dps-emulator -- tutorial --help` lists the options
#
# Exit codes: 0 everything is as in the tutorial, anything else: something differs, or the build or the emulator failed.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
cd "$(dirname "$0")/.."

if [ "$(uname -sm)" = "Linux x86_64" ]; then
    scripts/build.sh
else
    scripts/build.sh --local
fi
exec cargo run --quiet --locked --package dps-emulator --bin dps-emulator -- tutorial "$@"
