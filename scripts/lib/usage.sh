# shellcheck shell=bash
# The help of a script, and mistakes on its command line. Sourced by every script.

# The comment at the top of the script is its help.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# refuse WHAT: ends the script because of its command line or its settings; 64 is EX_USAGE of sysexits.h.
refuse() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 64
}

# refuse_unknown ARGUMENT: for an argument that the script does not know.
refuse_unknown() {
  case $1 in
    -*) refuse "unknown option ${1%%=*}; see scripts/${0##*/} --help" ;;
    *) refuse "unexpected argument '$1'; see scripts/${0##*/} --help" ;;
  esac
}
