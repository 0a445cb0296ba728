#!/usr/bin/env bash
# Replaces the function key that DPS holds, with no moment without a valid one: a new key, the enrollment group
# updated, one registration tried, the old key removed. Interrupted anywhere, running it again finishes the rotation
# that was begun: the key with the highest number (dps, dps-2, dps-3, …) is the new one.
#
# Usage: scripts/rotate-key.sh [--dry-run] [--settings FILE] [FLAG VALUE]…
#
#   --resource-group, --function-app, --dps-name   needed, here or in azure.env
#   --enrollment-group NAME   contoso-custom-allocated-devices
#   --registration-id ID      contoso-toaster-007: the device to try; one that the policy assigns
#   --wait-seconds 300        how long the webhook may take to accept the new key
#   --poll-seconds 5          how often to look
#   --settings FILE           settings from this file instead of azure.env
#   --dry-run                 print the commands and run none
#
# Other enrollments that hold the old key must get the new one before (scripts/enroll.sh --enrollment-group NAME
# takes the newest key); docs/azure.md says how to find them.
#
# Exit codes: 0 done, 1 something failed (standard error says what, and what to try), 64 bad flags or settings.
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP DPS_NAME ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'
options='REGISTRATION_ID' REGISTRATION_ID=contoso-toaster-007
read_settings "$@"
need_tools az curl
group=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --enrollment-id "$ENROLLMENT_GROUP")

sign_in
need_iot_extension

begin 'looking for the function'
find_function_url

begin 'making the new key'
numbers=$(key_numbers)
if $dry_run; then
  numbers=1
elif [ -z "$numbers" ]; then
  fail "the function has no key $KEY_NAME" '' 'enroll.sh first: there is nothing to rotate.'
fi
newest=$(printf '%s\n' "$numbers" | tail -n 1)
if [ "$(printf '%s\n' "$numbers" | wc -l)" -eq 1 ]; then
  newest=$((newest + 1))
  set_key "$(key_name "$newest")"
else
  say "  $(key_name "$newest") is there from a rotation that did not end: going on with it."
fi
read_key "$(key_name "$newest")"
[ -n "$key" ] || fail "the key $(key_name "$newest") is not to be read" '' 'this again, in a minute.'
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

$dry_run || say "DPS holds the key $(key_name "$newest") now, and no older one is left."
