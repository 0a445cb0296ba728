#!/usr/bin/env bash
# Makes DPS ask the function: a function key of its own for DPS, a call of the webhook to see that it works, then
# the enrollment group with custom allocation, created or updated. Run deploy.sh and create-dps.sh before.
#
# Usage: scripts/enroll.sh [--dry-run] [--settings FILE] [FLAG VALUE]…
#
#   --resource-group, --function-app, --dps-name, --iot-hubs   needed, here or in azure.env
#   --enrollment-group NAME   contoso-custom-allocated-devices
#   --wait-seconds 300        how long the webhook may take to answer
#   --poll-seconds 5          how often to look
#   --settings FILE           settings from this file instead of azure.env
#   --dry-run                 print the commands and run none
#
# The webhook's URL with its key is an argument of az, so other users of this machine can see it in a process list
# while az runs: az has no other way to take it. It is printed nowhere.
#
# Exit codes: 0 done, 1 something failed (standard error says what, and what to try), 64 bad flags or settings.
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP DPS_NAME IOT_HUBS ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'
read_settings "$@"
need_tools az curl
group=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --enrollment-id "$ENROLLMENT_GROUP")

sign_in
need_iot_extension

begin 'looking for the function'
find_function_url

begin 'making the key that DPS will use'
# Never one that is there already: a new value would cut off the enrollments that hold the old one.
newest=$(key_numbers | tail -n 1)
if $dry_run || [ -z "$newest" ]; then
  newest=1
  set_key "$(key_name 1)"
fi
read_key "$(key_name "$newest")"
[ -n "$key" ] || fail "the key $(key_name "$newest") is not to be read" '' 'this again, in a minute.'
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
  [ -n "$host_name" ] || fail "the hub $hub is not linked to $DPS_NAME" '' 'create-dps.sh, which links it.'
  host_names+=("$host_name")
done

begin 'writing the enrollment group'
policy=(--allocation-policy custom --webhook-url "$webhook_url" --api-version "$WEBHOOK_API_VERSION"
  --iot-hubs "${host_names[@]}" --output none)
if found az iot dps enrollment-group show "${group[@]}" --query enrollmentGroupId --output tsv; then
  run az iot dps enrollment-group update "${group[@]}" "${policy[@]}"
else
  if $dry_run; then
    say '# if it is there'
    show az iot dps enrollment-group update "${group[@]}" "${policy[@]}"
    say '# if it is not'
  fi
  # So that cleanup.sh knows whose the group is, should its DPS instance be somebody else's.
  app_id=$(ask "/subscriptions/…/providers/Microsoft.Web/sites/$FUNCTION_APP" az resource show --resource-group "$RESOURCE_GROUP" \
    --resource-type Microsoft.Web/sites --name "$FUNCTION_APP" --query id --output tsv)
  run az tag update --resource-id "$app_id" --operation Merge \
    --tags "$ENROLLMENT_TAG.$DPS_NAME.$ENROLLMENT_GROUP=created" --output none
  # Without a certificate the group is one of symmetric keys, which DPS makes.
  run az iot dps enrollment-group create "${group[@]}" "${policy[@]}"
fi

$dry_run || say "The enrollment group $ENROLLMENT_GROUP asks $function_url for its hub. Try it: scripts/register-device.sh"
