#!/usr/bin/env bash
# Makes DPS call the function: creates a function key for DPS, calls the webhook to check that it works, then creates or
# updates the enrollment group with custom allocation. Run deploy.sh and create-dps.sh first.
#
# Usage: scripts/enroll.sh [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --function-app, --dps-name, --iot-hubs   required, here or in azure.env
#   --function NAME           the app's function; required if it has several
#   --enrollment-group NAME   contoso-custom-allocated-devices
#   --wait-seconds 300        how long to wait for the webhook to answer
#   --poll-seconds 5          time between two checks
#   --settings FILE           read settings from this file instead of azure.env
#   --dry-run                 print the commands without running them
#
# The webhook's URL with its key is an argument of az, which accepts it in no other way, so other users of this machine
# can see it in a process list while az runs. It is never printed.
#
# Exit codes: 0 done, 1 failed (standard error says what, and what to try), 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP FUNCTION DPS_NAME IOT_HUBS ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'
read_settings "$@"
need_tools az curl
group=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --enrollment-id "$ENROLLMENT_GROUP")

sign_in
need_iot_extension

begin 'looking for the function'
find_function_url

begin 'creating the key that DPS will use'
# Never replace an existing key: enrollments with the old value would be refused.
newest=$(key_numbers | tail -n 1)
if $dry_run || [ -z "$newest" ]; then
  newest=1
  set_key "$(key_name 1)"
fi
read_key "$(key_name "$newest")"
[ -n "$key" ] || fail "the key $(key_name "$newest") cannot be read" '' "wait a minute and run $program again."
make_webhook_url

begin 'calling the webhook as DPS will'
wait_for_webhook

begin 'looking up the linked hubs'
host_names=()
expected=$(for hub in $IOT_HUBS; do echo "$hub.azure-devices.net"; done)
linked=$(ask "$expected" az iot dps show --name "$DPS_NAME" \
  --resource-group "$RESOURCE_GROUP" --query 'properties.iotHubs[].name' --output tsv)
for hub in $IOT_HUBS; do
  host_name=$(printf '%s\n' "$linked" | grep -i -m 1 "^$hub\." || true)
  [ -n "$host_name" ] || fail "the hub $hub is not linked to $DPS_NAME" '' 'scripts/create-dps.sh, which links it.'
  host_names+=("$host_name")
done

begin 'writing the enrollment group'
policy=(--allocation-policy custom --webhook-url "$webhook_url" --api-version "$WEBHOOK_API_VERSION"
  --iot-hubs "${host_names[@]}" --output none)
if found az iot dps enrollment-group show "${group[@]}" --query enrollmentGroupId --output tsv; then
  run az iot dps enrollment-group update "${group[@]}" "${policy[@]}"
else
  if $dry_run; then
    say '# if it exists'
    show az iot dps enrollment-group update "${group[@]}" "${policy[@]}"
    say '# if it does not'
  fi
  # So that cleanup.sh knows who created the group, even in a DPS instance that the scripts did not create.
  app_id=$(ask "/subscriptions/…/providers/Microsoft.Web/sites/$FUNCTION_APP" az resource show --resource-group "$RESOURCE_GROUP" \
    --resource-type Microsoft.Web/sites --name "$FUNCTION_APP" --query id --output tsv)
  run az tag update --resource-id "$app_id" --operation Merge \
    --tags "$ENROLLMENT_TAG.$DPS_NAME.$ENROLLMENT_GROUP=created" --output none
  # Without a certificate the group uses symmetric keys, which DPS generates.
  run az iot dps enrollment-group create "${group[@]}" "${policy[@]}"
fi

$dry_run || say "DPS now calls $function_url for the enrollment group $ENROLLMENT_GROUP. Try it: scripts/register-device.sh"
