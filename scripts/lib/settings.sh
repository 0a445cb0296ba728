# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# What a script takes: options, the settings file, and the form of each value. Sourced by azure.sh.

# Every name that the settings file may have.
readonly KNOWN_SETTINGS='RESOURCE_GROUP LOCATION STORAGE_ACCOUNT FUNCTION_APP FUNCTION INSTANCE_MEMORY
  MAXIMUM_INSTANCES DPS_NAME IOT_HUBS IOT_HUB_SKU ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'

# default_of NAME: the default of a setting; empty for one that must be given.
default_of() {
  case $1 in
    INSTANCE_MEMORY) echo 512 ;;
    MAXIMUM_INSTANCES) echo 40 ;;
    IOT_HUB_SKU) echo S1 ;;
    ENROLLMENT_GROUP) echo contoso-custom-allocated-devices ;;
    WAIT_SECONDS) echo 300 ;;
    POLL_SECONDS) echo 5 ;;
    FUNCTION) only_function ;;
  esac
}

# rule_of NAME: the form of a value: $rule is an extended regular expression, $words says it in words.
# Azure's own rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
rule_of() {
  case $1 in
    RESOURCE_GROUP) rule='^([A-Za-z0-9_(][A-Za-z0-9_.()-]{0,88})?[A-Za-z0-9_()]$' words='1 to 90 letters, digits, ( ) _ and inner - .' ;;
    LOCATION) rule='^[a-z0-9]+$' words='a region as az names it, such as westus2' ;;
    STORAGE_ACCOUNT) rule='^[a-z0-9]{3,24}$' words='3 to 24 lower-case letters and digits' ;;
    FUNCTION_APP) rule='^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$' words='2 to 60 letters, digits and inner hyphens' ;;
    INSTANCE_MEMORY) rule='^(512|2048|4096)$' words='512, 2048 or 4096 (MB)' ;;
    MAXIMUM_INSTANCES) rule='^([4-9][0-9]|[1-9][0-9][0-9]|1000)$' words='a number from 40 to 1000' ;;
    DPS_NAME) rule='^[A-Za-z0-9][A-Za-z0-9-]{1,62}[A-Za-z0-9]$' words='3 to 64 letters, digits and inner hyphens' ;;
    IOT_HUBS) rule='^[A-Za-z0-9][A-Za-z0-9-]{1,48}[A-Za-z0-9]( +[A-Za-z0-9][A-Za-z0-9-]{1,48}[A-Za-z0-9])*$' words='names of IoT hubs with spaces between them, each 3 to 50 letters, digits and inner hyphens' ;;
    IOT_HUB_SKU) rule='^(B1|B2|B3|F1|S1|S2|S3)$' words='B1, B2, B3, F1, S1, S2 or S3' ;;
    # https://learn.microsoft.com/azure/iot-dps/how-to-manage-enrollments
    # https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id
    ENROLLMENT_GROUP | REGISTRATION_ID) rule='^[A-Za-z0-9._:-]{0,127}[A-Za-z0-9-]$' words='up to 128 letters, digits, - . _ :, the last one a letter, digit or -' ;;
    WAIT_SECONDS | POLL_SECONDS) rule='^(0|[1-9][0-9]{0,3})$' words='a number of seconds, 0 to 9999' ;;
    SINCE) rule='^[1-9][0-9]{0,4}[smhd]$' words='a time such as 30m, 12h or 2d' ;;
    # https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs
    FUNCTION) rule='^[A-Za-z][A-Za-z0-9_-]{0,127}$' words='a letter, then up to 127 letters, digits, - and _' ;;
    LAST) rule='^[1-9][0-9]{0,3}$' words='a number from 1 to 9999' ;;
    *) rule='' words='' ;;
  esac
}

# read_settings "$@": options first, then the settings file, then defaults; all mistakes are reported at once.
read_settings() {
  local name value flag file='' given='' given_file=false mistakes='' missing=''
  # [a-z] means those 26 letters, whatever the locale.
  local -x LC_ALL=C
  # Variables of the environment are not settings: what is deleted should be what the file names.
  for name in $KNOWN_SETTINGS; do printf -v "$name" ''; done
  for name in $switches; do printf -v "$name" false; done
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit 0 ;;
      --dry-run) dry_run=true && shift && continue ;;
      --*) ;;
      *) refuse_unknown "$1" ;;
    esac
    flag=${1%%=*} name=$(name_of "${1%%=*}")
    if is_one_of "$name" "$switches"; then
      [ "$1" = "$flag" ] || refuse "$flag takes no value"
      printf -v "$name" true
      shift
      continue
    fi
    # Settings of other scripts are accepted, so that the same options, like the same file, fit them all.
    is_one_of "$name" "SETTINGS $settings $options $KNOWN_SETTINGS" || refuse_unknown "$1"
    case $1 in
      *=*) value=${1#*=} ;;
      *)
        [ $# -gt 1 ] || refuse "$flag needs a value"
        shift
        value=$1
        ;;
    esac
    shift
    # From a variable that was not set, perhaps.
    [ -n "$value" ] || refuse "$flag needs a value, found an empty one"
    if [ "$name" = SETTINGS ]; then
      file=$value given_file=true
    elif is_one_of "$name" "$settings $options"; then
      printf -v "$name" '%s' "$value"
      given="$given $name"
    fi
  done

  $given_file || file=$root/azure.env
  # A script that needs no setting is not stopped by a mistake in the file.
  if [ -z "$settings" ]; then
    :
  elif [ -f "$file" ]; then
    read_settings_file "$file"
  elif $given_file; then
    refuse "the settings file $file does not exist"
  fi

  for name in $settings; do
    [ -n "${!name}" ] || printf -v "$name" '%s' "$(default_of "$name")"
    # A missing function has its own sentence below.
    [ -n "${!name}" ] || [ "$name" = FUNCTION ] || missing="$missing $name ($(flag_of "$name"))"
  done
  [ -z "$missing" ] || mistakes=$'\n'"  missing:$missing"
  for name in $settings $options; do
    rule_of "$name"
    if [ -n "${!name}" ] && [ -n "$rule" ] && ! [[ ${!name} =~ $rule ]]; then
      mistakes="$mistakes"$'\n'"  $name: expected $words, found '${!name}'"
    fi
  done
  if is_one_of FUNCTION "$settings"; then mistakes=$mistakes$(function_mistake); fi
  [ -z "$mistakes" ] ||
    refuse "invalid settings:$mistakes"$'\n'"Give them as options or in azure.env; scripts/azure.env.example is a template."
}

# Lines NAME=value, read and never executed; the last line for a name counts. Names in $given were given as options,
# which win. A name that no script has is a mistake, one that another script has is not.
read_settings_file() {
  local file=$1 line name value number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1)) line=${line%$'\r'}
    case $line in '' | '#'*) continue ;; esac
    name=${line%%=*} value=${line#*=}
    if [ "$name" = "$line" ] || ! is_one_of "$name" "$KNOWN_SETTINGS"; then
      refuse "$file, line $number: expected NAME=value with a name from scripts/azure.env.example"
    fi
    case $value in
      \"*\") value=${value#\"} value=${value%\"} ;;
      \'*\') value=${value#\'} value=${value%\'} ;;
    esac
    if is_one_of "$name" "$settings" && ! is_one_of "$name" "$given"; then printf -v "$name" '%s' "$value"; fi
  done <"$file"
}

# --resource-group: RESOURCE_GROUP, and back.
name_of() {
  local name=${1#--}
  printf '%s' "${name//-/_}" | tr '[:lower:]' '[:upper:]'
}
flag_of() {
  printf -- '--%s' "${1//_/-}" | tr '[:upper:]' '[:lower:]'
}

is_one_of() {
  local one
  for one in $2; do [ "$one" != "$1" ] || return 0; done
  return 1
}
