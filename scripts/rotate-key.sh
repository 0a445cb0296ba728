#!/usr/bin/env bash
# Replaces the function key that DPS uses, while DPS has a valid key at all times: creates a new key, updates the
# enrollment group, tries one registration, removes the old key. If interrupted, run it again to finish the rotation:
# the key with the highest number (dps, dps-2, dps-3, …) is the new one.
#
# Usage: scripts/rotate-key.sh [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --function-app, --dps-name   required, here or in azure.env
#   --function NAME           the app's function; required if it has several
#   --enrollment-group NAME   contoso-custom-allocated-devices
#   --registration-id ID      contoso-toaster-007: the device to try, one that the policy assigns
#   --wait-seconds 300        how long to wait for the webhook to accept the new key
#   --poll-seconds 5          time between two checks
#   --settings FILE           read settings from this file instead of azure.env
#   --dry-run                 print the commands without running them
#
# Other enrollments with the old key must get the new one before it is removed (scripts/enroll.sh --enrollment-group
# NAME uses the newest key); docs/azure.md says how to find them.
#
# Exit codes: 0 done, 1 failed (standard error says what, and what to try), 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP FUNCTION DPS_NAME ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'
options='REGISTRATION_ID' REGISTRATION_ID=contoso-toaster-007
read_settings "$@"
need_tools az curl
group=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --enrollment-id "$ENROLLMENT_GROUP")

sign_in
need_iot_extension

begin 'looking for the function'
find_function_url

begin 'creating the new key'
numbers=$(key_numbers)
if $dry_run; then
  numbers=1
elif [ -z "$numbers" ]; then
  fail "the function has no key $KEY_NAME" '' 'enroll.sh first, which creates it.'
fi
newest=$(printf '%s\n' "$numbers" | tail -n 1)
if [ "$(printf '%s\n' "$numbers" | wc -l)" -eq 1 ]; then
  newest=$((newest + 1))
  set_key "$(key_name "$newest")"
else
  say "  $(key_name "$newest") exists from an unfinished rotation: continuing with it."
fi
read_key "$(key_name "$newest")"
[ -n "$key" ] || fail "the key $(key_name "$newest") cannot be read" '' "wait a minute and run $program again."
make_webhook_url

begin 'calling the webhook with the new key'
wait_for_webhook

begin 'giving the new key to the enrollment group'
run az iot dps enrollment-group update "${group[@]}" --webhook-url "$webhook_url" --output none

begin "trying one registration, of $REGISTRATION_ID"
run az iot device registration create --dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
  --enrollment-group-id "$ENROLLMENT_GROUP" "--registration-id=$REGISTRATION_ID" --output none

begin 'removing the old key'
for number in $numbers; do
  [ "$number" != "$newest" ] || continue
  run az functionapp function keys delete --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --key-name "$(key_name "$number")" --output none
done

$dry_run || say "DPS now uses the key $(key_name "$newest"); older ones are removed."
