#!/usr/bin/env bash
# Builds dist/app.zip, the package that Azure runs: host.json, the handler, and the function.json and sample.dat of each
# function. The same files give the same bytes, and so the same SHA-256, which is printed.
#
# Usage: scripts/package.sh [--no-build] [--dry-run]
#
#   --no-build   pack ./handler as it is instead of building it
#   --dry-run    print the commands without running them
#
# Exit codes: 0 done, 64 invalid options, anything else: failed, and standard error says why.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

switches='NO_BUILD' NO_BUILD=false
read_settings "$@"

need_tools cargo

begin 'building the handler'
if $NO_BUILD; then
  say '  using ./handler as it is'
elif $dry_run; then
  show scripts/build.sh
else
  "$root/scripts/build.sh"
fi

begin 'packing the app'
pack=(cargo run --quiet --locked --manifest-path "$root/Cargo.toml" --package app-package -- "$root" "$root/dist/app.zip")
if $dry_run; then show "${pack[@]}"; else "${pack[@]}"; fi
