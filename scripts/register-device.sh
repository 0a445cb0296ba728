#!/usr/bin/env bash
# Registers one simulated device with the real DPS, and prints what the tutorial's device prints.
#
# Usage: scripts/register-device.sh [--dry-run] [--settings FILE] [FLAG VALUE]…
#
#   --resource-group, --dps-name   needed, here or in azure.env
#   --enrollment-group NAME        contoso-custom-allocated-devices
#   --registration-id ID           contoso-toaster-007 (assigned), contoso-heatpump-088 (refused) or your own
#   --payload JSON                 what the device tells the function; the tutorial's firmware versions
#   --settings FILE                settings from this file instead of azure.env
#   --dry-run                      print the commands and run none
#
# az derives the device's key from the group's, plays the device and waits for the outcome, so no key passes here.
#
# Exit codes: 0 assigned, 1 not assigned or something failed, 64 bad flags or settings.
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP DPS_NAME ENROLLMENT_GROUP'
options='REGISTRATION_ID PAYLOAD' REGISTRATION_ID=contoso-toaster-007
PAYLOAD='{"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}'
read_settings "$@"
need_tools az
dps=(--dps-name "$DPS_NAME" --resource-group "$RESOURCE_GROUP")

sign_in
need_iot_extension

registering="registering the device $REGISTRATION_ID"
begin "$registering"
register=(az iot device registration create "${dps[@]}" --enrollment-group-id "$ENROLLMENT_GROUP"
  "--registration-id=$REGISTRATION_ID" --payload "$PAYLOAD"
  --query '[status, registrationState.assignedHub, registrationState.deviceId]' --output tsv)
look_up=(az iot dps enrollment-group registration show "${dps[@]}" "--registration-id=$REGISTRATION_ID"
  --query '[status, errorCode, errorMessage, lastUpdatedDateTimeUtc]' --output tsv)
if $dry_run; then
  show "${register[@]}"
  say '# and, if DPS did not assign it:'
  show "${look_up[@]}"
  exit 0
fi

# tsv of a list of values: one to a line, absent ones as None.
field() { printf '%s\n' "$1" | sed -n -e "$2s/^None\$//" -e "$2p"; }

printf '\nRegistering Device\n\n'
status=0 perhaps=false refusal=''
answer=$(attempt "${register[@]}" || { code=$? && printf '%s' "$said" && exit "$code"; }) || status=$?
if [ "$status" != 0 ]; then
  said=$answer refusal=$answer
  case $said in
    # A verdict on the device, in the words of the extension's several versions; anything else is a failure to ask.
    *[Rr]egistration*[Ff]ailed* | *failed\ registration*) answer=refused ;;
    # These are said of a device, and of somebody whom Azure does not let ask.
    *disabled* | *Unauthorized*) answer=refused perhaps=true ;;
    *) explain "$status" "${register[@]}" ;;
  esac
fi

connected() { printf 'Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\n'; }
if [ "$(field "$answer" 1)" = assigned ]; then
  connected
  printf 'Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n\n'
  printf 'Registration Information received from service: %s, deviceId: %s\n' \
    "$(field "$answer" 2)" "$(field "$answer" 3)"
  exit 0
fi

# The extension does not pass the reason on; DPS keeps it with the registration.
step='asking DPS why'
state=$(attempt "${look_up[@]}" || printf 'None\nNone\n%s\nNone\n' "$(printf '%s' "$said" | head -n 1)")
if $perhaps; then
  case $(field "$state" 1) in
    failed | disabled) ;;
    *)
      said=$refusal step=$registering
      explain "$status" "${register[@]}"
      ;;
  esac
fi
connected
code=$(field "$state" 2) message=$(field "$state" 3) date=$(field "$state" 4)
# These are about the function's answer, so DPS took the device in and asked.
case $code in 4002??) printf 'Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n' ;; esac
case $(field "$state" 1)/$code in
  disabled/*) result=PROV_DEVICE_RESULT_DISABLED ;;
  */400208) result=PROV_DEVICE_RESULT_HUB_NOT_SPECIFIED ;;
  */400209) result=PROV_DEVICE_RESULT_UNAUTHORIZED ;;
  *) result=PROV_DEVICE_RESULT_DEV_AUTH_ERROR ;;
esac
{
  printf 'Provisioning Failure: Date: %s - Code: %s - Msg: %s\n\n' "${date:-unknown}" "${code:-none}" "$(mask "${message:-none}")"
  printf 'Failure registering device: %s\n\n' "$result"
  printf 'What the function said of it: scripts/logs.sh --registration-id %s\n' "$REGISTRATION_ID"
} >&2
exit 1
