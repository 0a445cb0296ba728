#!/usr/bin/env bash
# Builds the handler as it goes to Azure, and puts it where host.json looks for it: ./handler.
#
# Usage: scripts/build.sh [--local]
#
#   (nothing)  a static x86-64 Linux binary: it runs on whatever image the Function App has
#   --local    for this machine, of whatever kind it is; not for Azure
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

case "${1:-}" in
    "") ;;
    --local)
        cargo build --release --locked --package dps-custom-allocation --bin handler
        built=target/release/handler
        ;;
    *) fail "unknown option $1; scripts/build.sh [--local] is all there is" ;;
esac

if [ -z "${built:-}" ]; then
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
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}")
    export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'}
    cargo build --release --locked --package dps-custom-allocation --bin handler --target "$target"
    built=target/$target/release/handler
    if command -v readelf >/dev/null; then
        if readelf --program-headers "$built" | grep -q INTERP ||
            readelf --dynamic "$built" | grep -q NEEDED; then
            fail "$built is not static: it would look for libraries that the Function App may not have"
        fi
    fi
fi

# Not over a handler that runs: that would be refused, or worse.
cp "$built" handler.new
chmod 755 handler.new
mv handler.new handler
[ -x handler ] || fail "./handler is not executable"
echo "built ./handler ($(wc -c <handler | tr -d ' ') bytes)"
