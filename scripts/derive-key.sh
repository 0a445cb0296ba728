#!/usr/bin/env bash
# Derives the key of one device from the key of its enrollment group, offline, and prints it.
#
# Usage: scripts/derive-key.sh --registration-id ID < FILE-WITH-GROUP-KEY
#
#   --registration-id ID   required: the device's registration id, as the device will send it
#   --dry-run              print the rule only
#
# The group key (base64) is one line of standard input; on a terminal the script asks for it and does not echo it. It is
# never an argument, so it is in no shell history and no process list. The rule, from
# https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#group-enrollments:
# base64(HMAC-SHA256(base64-decoded group key, registration id)).
#
# Exit codes: 0 done, 1 invalid group key, 64 invalid options.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

options='REGISTRATION_ID' REGISTRATION_ID=''
read_settings "$@"
[ -n "$REGISTRATION_ID" ] || refuse '--registration-id ID is required'

if $dry_run; then
  say "# base64(HMAC-SHA256(base64-decoded group key, '$REGISTRATION_ID'))"
  exit 0
fi

need_tools od base64
command -v sha256sum >/dev/null || need_tools shasum

begin() { step=$1; }
begin 'reading the group key'
if [ -t 0 ]; then printf 'Group key: ' >&2; fi
IFS= read -r -s group_key || true
if [ -t 0 ]; then printf '\n' >&2; fi
group_key=${group_key%$'\r'}
hide "$group_key"

# Bytes as hexadecimal text: a shell variable cannot hold a zero byte.
hex() { od -An -v -tx1 | tr -d ' \n'; }
bytes() {
  local text=$1 i
  for ((i = 0; i < ${#text}; i += 2)); do printf '%b' "\\x${text:i:2}"; done
}
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}
# xor_each HEX BYTE
xor_each() {
  local text=$1 i
  for ((i = 0; i < ${#text}; i += 2)); do printf '%02x' "$((0x${text:i:2} ^ $2))"; done
}

key_hex=''
if [[ $group_key =~ ^[A-Za-z0-9+/]+={0,2}$ ]] && [ $((${#group_key} % 4)) -eq 0 ]; then
  key_hex=$(printf '%s' "$group_key" | base64 -d 2>/dev/null | hex) || key_hex=''
fi
# At most 64 bytes, SHA-256's block, so the key never has to be hashed first.
if [ ${#key_hex} -lt 32 ] || [ ${#key_hex} -gt 128 ]; then
  fail 'the line on standard input is not a group key' '' \
    'the Primary Key of the enrollment group as the portal shows it: base64 of 16 to 64 bytes.'
fi

# HMAC: https://www.rfc-editor.org/rfc/rfc2104
block=$key_hex
while [ ${#block} -lt 128 ]; do block=${block}00; done
inner=$({ bytes "$(xor_each "$block" 0x36)" && printf '%s' "$REGISTRATION_ID"; } | sha256)
outer=$({ bytes "$(xor_each "$block" 0x5c)" && bytes "$inner"; } | sha256)
bytes "$outer" | base64
