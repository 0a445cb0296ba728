#!/usr/bin/env bash
# Registers one simulated device with DPS and prints what the tutorial's device prints.
#
# Usage: scripts/register-device.sh [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --dps-name   required, here or in azure.env
#   --enrollment-group NAME        contoso-custom-allocated-devices
#   --registration-id ID           contoso-toaster-007 (assigned), contoso-heatpump-088 (refused) or your own
#   --payload JSON                 the device's payload for the function; the tutorial's firmware versions
#   --settings FILE                read settings from this file instead of azure.env
#   --dry-run                      print the commands without running them
#
# az derives the device's key from the group's, simulates the device and waits for the result; this script sees no key.
#
# Exit codes: 0 assigned, 1 not assigned or failed, 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
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

# field LINES N: line N of az's tsv of a list of values: one to a line, null as None.
field() { printf '%s\n' "$1" | sed -n -e "$2s/^None\$//" -e "$2p"; }

printf '\nRegistering Device\n\n'
status=0 perhaps=false refusal=''
answer=$(attempt "${register[@]}" || { code=$? && printf '%s' "$said" && exit "$code"; }) || status=$?
if [ "$status" != 0 ]; then
  said=$answer refusal=$answer
  case $said in
    # DPS refused the device, in the words of several versions of the extension; anything else is another failure.
    *[Rr]egistration*[Ff]ailed* | *failed\ registration*) answer=refused ;;
    # These can be about the device, or about a user who is not allowed to ask.
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

# The extension does not print the reason; DPS keeps it with the registration.
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
# These codes are about the function's answer, so DPS accepted the device and called the function.
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
  printf 'The function'\''s log: scripts/logs.sh --registration-id %s\n' "$REGISTRATION_ID"
} >&2
exit 1
