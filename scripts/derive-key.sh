#!/usr/bin/env bash
# Prints the key of one device, derived from the key of its enrollment group. Offline.
#
# Usage: scripts/derive-key.sh --registration-id ID < FILE-WITH-GROUP-KEY
#
#   --registration-id ID   needed: the device's registration id, as the device will send it
#   --dry-run              print the rule and do nothing
#
# The group key (base64) is one line of standard input; a terminal is asked for it and does not show it. It is never
# an argument, so no shell history and no process list has it. The rule, by
# https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#group-enrollments:
# base64(HMAC-SHA256(base64-decoded group key, registration id)).
#
# Exit codes: 0 done, 1 the group key is none, 64 bad flags.
source "$(dirname "$0")/lib/azure.sh"

options='REGISTRATION_ID' REGISTRATION_ID=''
read_settings "$@"
[ -n "$REGISTRATION_ID" ] || refuse 'which device? --registration-id ID.'

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

# Bytes travel as hexadecimal text: a shell variable cannot hold a zero byte.
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
# 16 to 64 bytes, so the key never has to be hashed to fit SHA-256's block.
if [ ${#key_hex} -lt 32 ] || [ ${#key_hex} -gt 128 ]; then
  fail 'the line on standard input is no group key' '' \
    'the Primary Key of the enrollment group: base64 of 16 to 64 bytes, as the portal shows it.'
fi

# HMAC: https://www.rfc-editor.org/rfc/rfc2104
block=$key_hex
while [ ${#block} -lt 128 ]; do block=${block}00; done
inner=$({ bytes "$(xor_each "$block" 0x36)" && printf '%s' "$REGISTRATION_ID"; } | sha256)
outer=$({ bytes "$(xor_each "$block" 0x5c)" && bytes "$inner"; } | sha256)
bytes "$outer" | base64
