#!/usr/bin/env bash
# Everything that must hold before a change is done: formatting, lints, docs, tests. What the tests need
# besides Rust is installed first, into folders that git ignores.
#
# Usage: scripts/test.sh [options of cargo test]
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    printf '\n== %s\n' "$*"
}

step "tools that the tests run"
scripts/install-sdks.sh
[ ! -x scripts/install-checkers.sh ] || scripts/install-checkers.sh

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

step "tests"
# The binaries first: tests of one package run those of another.
cargo build --workspace --locked --quiet
cargo test --workspace --locked "$@"
