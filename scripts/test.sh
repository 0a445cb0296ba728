#!/usr/bin/env bash
# Checks everything that must hold before a change is done: formatting, lints, docs, tests. What the tests need besides
# Rust is installed first, into folders that git ignores.
#
# Usage: scripts/test.sh [options of cargo test]
#
#   -h, --help   this text; `cargo test --help` lists the options
#
# Exit codes: 0 everything holds; anything else is the code of the step that failed, the last one begun.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
cd "$(dirname "$0")/.."

step() {
    printf '\n== %s\n' "$*"
}

step "tools that the tests run"
scripts/install-sdks.sh
scripts/install-checkers.sh
scripts/install-postgresql.sh

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --all-features --locked --quiet -- -D warnings
cargo clippy --package dps-custom-allocation --all-targets --no-default-features --locked --quiet -- -D warnings

step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --document-private-items --locked --quiet

step "tests"
# The binaries first: tests of one package run those of another.
cargo build --workspace --all-features --locked --quiet
cargo test --workspace --all-features --locked "$@"
