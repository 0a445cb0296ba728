#!/usr/bin/env bash
# Builds the handler as it goes to Azure, and puts it where host.json looks for it: ./handler.
#
# Usage: scripts/build.sh [--local] [--dry-run]
#
#   (nothing)  a static x86-64 Linux binary: it runs on whatever image the Function App has
#   --local    for this machine, of whatever kind it is; not for Azure
#   --dry-run  print the commands and run none
#
# Exit codes: 0 done; anything else: not, and standard error says why.
set -euo pipefail

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

local=false dry_run=false
for option in "$@"; do
    case $option in
        --local) local=true ;;
        --dry-run) dry_run=true ;;
        -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit 0 ;;
        *) fail "unknown option $option; scripts/build.sh [--local] [--dry-run] is all there is" ;;
    esac
done
cd "$(dirname "$0")/.."

# run COMMAND…: runs it, or prints it as a shell would read it.
run() {
    if $dry_run; then printf '%s\n' "$(printf '%q ' "$@")"; else "$@"; fi
}

cargo=(cargo build --release --locked --package dps-custom-allocation --bin handler)
if $local; then
    run "${cargo[@]}"
    built=target/release/handler
else
    # A target other than the default, or named where it is the default: build scripts and procedural
    # macros are then built without the flags, which they would not survive.
    if [ -d "$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl" ]; then
        target=x86_64-unknown-linux-musl
    elif [ "$(uname -sm)" = "Linux x86_64" ]; then
        target=x86_64-unknown-linux-gnu
    else
        fail "a static x86-64 Linux binary needs 'rustup target add x86_64-unknown-linux-musl' on this machine"
    fi
    # The paths of this machine are nobody's business, and would make another machine's binary another one.
    flags=(
        -C target-feature=+crt-static
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
        "--remap-path-prefix=$PWD=."
    )
    encoded=$(printf '%s\x1f' "${flags[@]}")
    run env "CARGO_ENCODED_RUSTFLAGS=${encoded%$'\x1f'}" "${cargo[@]}" --target "$target"
    built=target/$target/release/handler
    if ! $dry_run && command -v readelf >/dev/null; then
        if readelf --program-headers "$built" | grep -q INTERP ||
            readelf --dynamic "$built" | grep -q NEEDED; then
            fail "$built is not static: it would look for libraries that the Function App may not have"
        fi
    fi
fi

# Not over a handler that runs: that would be refused, or worse.
run cp "$built" handler.new
run chmod 755 handler.new
run mv handler.new handler
$dry_run || echo "built ./handler ($(wc -c <handler | tr -d ' ') bytes)"
