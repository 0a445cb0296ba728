#!/usr/bin/env bash
# Creates the IoT hubs and the Device Provisioning Service instance, and links them.
#
# Usage: scripts/create-dps.sh [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --location, --dps-name   required, here or in azure.env
#   --iot-hubs 'HUB …'     required too; several are separated by spaces
#   --iot-hub-sku S1       B1, B2, B3, F1, S1, S2 or S3; for new hubs
#   --settings FILE        read settings from this file instead of azure.env
#   --dry-run              print the commands without running them
#
# What exists is left as it is; only what is missing is created and linked.
#
# Exit codes: 0 done, 1 failed (standard error says what, and what to try), 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP LOCATION DPS_NAME IOT_HUBS IOT_HUB_SKU'
read_settings "$@"
need_tools az
tag=$TAG_NAME=$TAG_VALUE

sign_in

begin 'creating the resource group'
group_exists=$(ask false az group exists --name "$RESOURCE_GROUP" --output tsv)
if [ "$group_exists" != true ]; then
  run az group create --name "$RESOURCE_GROUP" --location "$LOCATION" --tags "$tag" --output none
fi

for hub in $IOT_HUBS; do
  begin "creating the IoT hub $hub (this takes minutes)"
  if ! resource_exists Microsoft.Devices/IotHubs "$hub"; then
    # The free tier has exactly two partitions.
    partitions=()
    if [ "$IOT_HUB_SKU" = F1 ]; then partitions=(--partition-count 2); fi
    run az iot hub create --name "$hub" --resource-group "$RESOURCE_GROUP" --location "$LOCATION" \
      --sku "$IOT_HUB_SKU" ${partitions[@]+"${partitions[@]}"} --tags "$tag" --output none
  fi
done

begin 'creating the Device Provisioning Service instance'
if ! resource_exists Microsoft.Devices/provisioningServices "$DPS_NAME"; then
  run az iot dps create --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" --location "$LOCATION" \
    --tags "$tag" --output none
fi

begin 'linking the IoT hubs'
linked=$(ask '' az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
  --query 'properties.iotHubs[].name' --output tsv)
for hub in $IOT_HUBS; do
  if ! grep -q -i "^$hub\." <<<"$linked"; then
    run az iot dps linked-hub create --dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
      --hub-name "$hub" --hub-resource-group "$RESOURCE_GROUP" --output none
    # In case the settings name it twice.
    linked=$linked$'\n'$hub.
  fi
done

id_scope=$(ask 0ne00000000 az iot dps show --name "$DPS_NAME" --resource-group "$RESOURCE_GROUP" \
  --query properties.idScope --output tsv)
$dry_run || say "$DPS_NAME is linked to $IOT_HUBS. Its ID scope, for devices: $id_scope"
