#!/usr/bin/env bash
# Deletes what these scripts created, and nothing else. It lists everything first and asks.
#
# Usage: scripts/cleanup.sh [--yes] [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --function-app, --dps-name   required, here or in azure.env
#   --yes             delete without asking
#   --settings FILE   read settings from this file instead of azure.env
#   --dry-run         print the commands without running them
#
# These scripts created what has the tag created-by=dps-custom-allocation, and what Azure made for it: the app's hosting
# plan, its Application Insights and its alert. The resource group is deleted if the scripts created it and nothing else
# is in it. In a DPS instance that the scripts did not create, the enrollment group that enroll.sh created and the links
# to deleted hubs are deleted too.
#
# Exit codes: 0 done (or nothing to delete), 1 failed or not confirmed, 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP DPS_NAME'
switches='YES' YES=false
read_settings "$@"
need_tools az

sign_in

begin 'listing what exists'
group_exists=$(ask true az group exists --name "$RESOURCE_GROUP" --output tsv)
if [ "$group_exists" != true ]; then
  say "There is no resource group $RESOURCE_GROUP: nothing to delete."
  exit 0
fi
group_tag=$(ask '' az group show --name "$RESOURCE_GROUP" --query "tags.\"$TAG_NAME\"" --output tsv)
# A letter before the tag's value: read would skip an empty field between tabs.
inventory=$(ask '' az resource list --resource-group "$RESOURCE_GROUP" \
  --query "[].[type, name, id, join('', ['t', tags.\"$TAG_NAME\" || '']), join(' ', keys(tags || \`{}\`))]" \
  --output tsv)

# A tag of the app with this prefix ends with the name of an enrollment group.
enrollment_tag=$ENROLLMENT_TAG.$DPS_NAME.
app_is_ours=false dps_is_ours=false app_id='' enrollments=''
ours='' kept='' hubs=''
while IFS=$'\t' read -r type name id tag tag_names; do
  [ -n "$type" ] || continue
  if same_name "$type/$name" "Microsoft.Web/sites/$FUNCTION_APP"; then
    app_id=$id
    for tag_name in $tag_names; do
      if same_name "${tag_name:0:${#enrollment_tag}}" "$enrollment_tag"; then enrollments="$enrollments $tag_name"; fi
    done
  fi
  [ "$tag" = "t$TAG_VALUE" ] || continue
  if same_name "$type/$name" "Microsoft.Web/sites/$FUNCTION_APP"; then
    app_is_ours=true
  elif same_name "$type/$name" "Microsoft.Devices/provisioningServices/$DPS_NAME"; then
    dps_is_ours=true
  elif same_name "$type" Microsoft.Devices/IotHubs; then
    hubs="$hubs $name"
  fi
done <<<"$inventory"

# Whether Azure made this resource for the app; it does not get the tag.
is_companion() { # TYPE NAME
  $app_is_ours || return 1
  same_name "$1/$2" "Microsoft.Insights/components/$FUNCTION_APP" ||
    same_name "${1##*/}/$2" "smartDetectorAlertRules/Failure Anomalies - $FUNCTION_APP"
}
plan=''
if $app_is_ours || $dry_run; then
  plan=$(ask '' az resource show --resource-group "$RESOURCE_GROUP" --resource-type Microsoft.Web/sites \
    --name "$FUNCTION_APP" --query properties.serverFarmId --output tsv)
fi

ids='' app_ids=''
while IFS=$'\t' read -r type name id tag _; do
  [ -n "$type" ] || continue
  if [ "$tag" = "t$TAG_VALUE" ] || is_companion "$type" "$name"; then
    ours="$ours"$'\n'"  $type $name"
    # One to a line: names can contain spaces.
    if same_name "$type" Microsoft.Web/sites; then app_ids="$app_ids$id"$'\n'; else ids="$ids$id"$'\n'; fi
  elif [ -n "$plan" ] && same_name "${id##*/}" "${plan##*/}"; then
    # Azure deletes a hosting plan with its last app.
    ours="$ours"$'\n'"  $type $name"
  elif $app_is_ours && [ "$name" = 'Application Insights Smart Detection' ]; then
    : # One for everything in the group that has Application Insights: deleted only with the group.
  else
    kept="$kept"$'\n'"  $type $name"
  fi
done <<<"$inventory"
links=''
if ! $dps_is_ours && [ -n "$hubs" ] && found az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
  --query name --output tsv; then
  linked=$(ask '' az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
    --query 'properties.iotHubs[].name' --output tsv)
  for hub in $hubs; do
    links="$links $(printf '%s\n' "$linked" | grep -i -m 1 "^$hub\." || true)"
  done
fi
# A DPS instance is deleted with its enrollment groups.
if $dps_is_ours; then enrollments=''; fi

if $dry_run; then
  dps=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP")
  say '# in a DPS instance that the scripts did not create: their enrollment groups, and the links to their hubs'
  show az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --query name --output tsv
  show az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --query 'properties.iotHubs[].name' --output tsv
  show az extension add --name azure-iot --upgrade --only-show-errors
  show az iot dps enrollment-group show "${dps[@]}" --enrollment-id '<group>' --query enrollmentGroupId --output tsv
  show az iot dps enrollment-group delete "${dps[@]}" --enrollment-id '<group>'
  show az tag update --resource-id '/subscriptions/<app>' --operation Delete \
    --tags "$ENROLLMENT_TAG.$DPS_NAME.<group>=created" --output none
  show az iot dps linked-hub delete "${dps[@]}" --linked-hub '<hub>' --output none
  say '# the resource group, if the scripts created it and nothing else is in it'
  show az group delete --name "$RESOURCE_GROUP" --yes --output none
  say '# otherwise each resource in the list that has the tag'
  show az resource delete --ids '/subscriptions/<resource>' --output none
  exit 0
fi

whole_group=false
if [ "$group_tag" = "$TAG_VALUE" ] && [ -z "$kept" ]; then
  whole_group=true
  ours="$ours"$'\n'"  the resource group $RESOURCE_GROUP itself"
fi
for enrollment in $enrollments; do ours="$ours"$'\n'"  the enrollment group ${enrollment:${#enrollment_tag}} in $DPS_NAME"; done
for link in $links; do ours="$ours"$'\n'"  the link of $DPS_NAME to $link"; done

if [ -z "$ours" ]; then
  say "Nothing in $RESOURCE_GROUP was created by these scripts: nothing to delete."
  exit 0
fi
say "Will be deleted permanently:$ours"
[ -z "$kept" ] || say "Kept, because these scripts did not create it:$kept"
if ! $YES; then
  printf 'Type the name of the resource group to delete all this: ' >&3
  IFS= read -r typed || typed=''
  [ "$typed" = "$RESOURCE_GROUP" ] || {
    say $'\nNothing was deleted.'
    exit 1
  }
fi

[ -z "$enrollments" ] || need_iot_extension
for tag_name in $enrollments; do
  enrollment=${tag_name:${#enrollment_tag}}
  begin "deleting the enrollment group $enrollment"
  group=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --enrollment-id "$enrollment")
  if found az iot dps enrollment-group show "${group[@]}" --query enrollmentGroupId --output tsv; then
    run az iot dps enrollment-group delete "${group[@]}"
  fi
  run az tag update --resource-id "$app_id" --operation Delete \
    --tags "$tag_name=created" --output none
done
for link in $links; do
  begin "removing the link to $link"
  run az iot dps linked-hub delete --dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --linked-hub "$link" --output none
done
if $whole_group; then
  begin "deleting the resource group $RESOURCE_GROUP (this takes minutes)"
  run az group delete --name "$RESOURCE_GROUP" --yes --output none
else
  # The app last: as long as it exists, a second run knows what belongs to it.
  begin 'deleting the resources with the tag (this takes minutes)'
  while IFS= read -r id; do
    [ -z "$id" ] || run az resource delete --ids "$id" --output none
  done <<<"$ids$app_ids"
fi
say 'Deleted.'
