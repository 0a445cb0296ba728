#!/usr/bin/env bash
# Builds dist/app.zip, the package that Azure runs: host.json, HttpTrigger1/ and the handler, and nothing else.
# The same files give the same bytes, and so the same SHA-256, which is printed.
#
# Usage: scripts/package.sh [--no-build] [--dry-run]
#
#   --no-build   take ./handler as it is instead of building it
#   --dry-run    print the commands and run none
#
# Exit codes: 0 done; anything else: not, and standard error says why.
source "$(dirname "$0")/lib/azure.sh"

switches='NO_BUILD' NO_BUILD=false
read_settings "$@"

need_tools cargo

begin 'building the handler'
if $NO_BUILD; then
  say '  taking ./handler as it is'
elif $dry_run; then
  show scripts/build.sh
else
  "$root/scripts/build.sh"
fi

begin 'packing it'
pack=(cargo run --quiet --locked --manifest-path "$root/Cargo.toml" --package app-package -- "$root" "$root/dist/app.zip")
if $dry_run; then show "${pack[@]}"; else "${pack[@]}"; fi
