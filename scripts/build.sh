#!/usr/bin/env bash
# Builds the handler for Azure and puts it where host.json looks for it: ./handler.
#
# Usage: scripts/build.sh [--local] [--dry-run]
#
#   (no option)  a static x86-64 Linux binary, which runs on whatever image the Function App has
#   --local      a binary for this machine, whatever it is; not for Azure
#   --dry-run    print the commands without running them
#
# Exit codes: 0 done, 64 unknown option, anything else: failed, and standard error says why.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

local=false dry_run=false
for option in "$@"; do
    case $option in
        --local) local=true ;;
        --dry-run) dry_run=true ;;
        -h | --help) usage && exit 0 ;;
        *) refuse_unknown "$option" ;;
    esac
done
cd "$(dirname "$0")/.."

# run COMMAND…: runs it, or prints it as a shell would read it.
run() {
    if $dry_run; then printf '%s\n' "$(printf '%q ' "$@")"; else "$@"; fi
}

# With every kind of look-up.
cargo=(cargo build --release --locked --package dps-custom-allocation --bin handler --features sql)
if $local; then
    run "${cargo[@]}"
    built=target/release/handler
else
    # Always named, even where it is the default: without --target the flags would also apply to build scripts and
    # procedural macros, which cannot be built with them.
    if [ -d "$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl" ]; then
        target=x86_64-unknown-linux-musl
    elif [ "$(uname -sm)" = "Linux x86_64" ]; then
        target=x86_64-unknown-linux-gnu
    else
        fail "a static x86-64 Linux binary needs 'rustup target add x86_64-unknown-linux-musl' on this machine"
    fi
    # Paths of this machine do not belong in the binary, and would make it differ from the one built on another machine.
    flags=(
        -C target-feature=+crt-static
        # At a fixed address: what a binary for any address would need to be moved is a tenth of it.
        -C relocation-model=static
        # Random numbers by the system call: looked up at run time, as usual, it is not found in a static binary.
        '--cfg=getrandom_backend="linux_getrandom"'
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

# Renamed into place: a running handler's file cannot be overwritten.
run cp "$built" handler.new
run chmod 755 handler.new
run mv handler.new handler
$dry_run || echo "built ./handler ($(wc -c <handler | tr -d ' ') bytes)"
