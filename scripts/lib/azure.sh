# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts
# What the Azure scripts share: settings, --dry-run, and running a command so that its failure is explained
# and no secret is shown. Sourced by them, never run.
#
# A script sets what it takes before it calls `read_settings "$@"`:
#   settings   names it needs, each with a flag (RESOURCE_GROUP: --resource-group) and a place in the settings file
#   options    names it takes as flags only, each with a default set by the script
#   switches   flags without a value (YES: --yes), `false` unless given
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${0##*/}

# The folder, and so the name, of the one function in the app.
readonly FUNCTION=HttpTrigger1
# The function's key that DPS holds. Rotation makes `dps-2`, `dps-3`, …: the highest number is the newest.
readonly KEY_NAME=dps
# What these scripts create carries this tag; clean-up deletes nothing without it.
readonly TAG_NAME=created-by TAG_VALUE=dps-custom-allocation
# On the function app, for each enrollment group that enroll.sh created: <this>.<DPS instance>.<group>=created
readonly ENROLLMENT_TAG=dps-custom-allocation-enrollment
# Selects the schema of the enrollment in DPS's request. https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation
readonly WEBHOOK_API_VERSION=2021-10-01

readonly EX_USAGE=64

settings='' options='' switches=''
dry_run=false
step='reading the settings'
secrets=()

# Standard output, for what must be seen although it is said inside a $(…).
exec 3>&1

trap 'say_interrupted; exit 130' INT
trap 'say_interrupted; exit 143' TERM

say_interrupted() {
  printf '%s: stopped while %s. Running it again takes up from there.\n' "$program" "$step" >&2
}

# === settings ===

# Every name the settings file may give.
readonly KNOWN_SETTINGS='RESOURCE_GROUP LOCATION STORAGE_ACCOUNT FUNCTION_APP INSTANCE_MEMORY MAXIMUM_INSTANCES
  DPS_NAME IOT_HUBS IOT_HUB_SKU ENROLLMENT_GROUP WAIT_SECONDS POLL_SECONDS'

# default_of NAME: what a setting is when nobody gives it; empty where it must be given.
default_of() {
  case $1 in
    INSTANCE_MEMORY) echo 512 ;;
    MAXIMUM_INSTANCES) echo 40 ;;
    IOT_HUB_SKU) echo S1 ;;
    ENROLLMENT_GROUP) echo contoso-custom-allocated-devices ;;
    WAIT_SECONDS) echo 300 ;;
    POLL_SECONDS) echo 5 ;;
  esac
}

# rule_of NAME: the form of a value, as an extended regular expression and in words.
# Azure's own rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
rule_of() {
  case $1 in
    RESOURCE_GROUP) rule='^[A-Za-z0-9_(][A-Za-z0-9_.()-]{0,89}$' words='1 to 90 letters, digits, ( ) - _ .' ;;
    LOCATION) rule='^[a-z0-9]+$' words='a region as az names it, such as westus2' ;;
    STORAGE_ACCOUNT) rule='^[a-z0-9]{3,24}$' words='3 to 24 lower-case letters and digits' ;;
    FUNCTION_APP) rule='^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$' words='2 to 60 letters, digits and inner hyphens' ;;
    INSTANCE_MEMORY) rule='^(512|2048|4096)$' words='512, 2048 or 4096 (MB)' ;;
    MAXIMUM_INSTANCES) rule='^[0-9]{2,4}$' words='a number from 40 to 1000' ;;
    DPS_NAME) rule='^[A-Za-z0-9][A-Za-z0-9-]{1,62}[A-Za-z0-9]$' words='3 to 64 letters, digits and inner hyphens' ;;
    IOT_HUBS) rule='^[A-Za-z0-9][A-Za-z0-9-]{1,48}[A-Za-z0-9]( +[A-Za-z0-9][A-Za-z0-9-]{1,48}[A-Za-z0-9])*$' words='names of IoT hubs with spaces between them, each 3 to 50 letters, digits and inner hyphens' ;;
    IOT_HUB_SKU) rule='^(B1|B2|B3|F1|S1|S2|S3)$' words='B1, B2, B3, F1, S1, S2 or S3' ;;
    ENROLLMENT_GROUP) rule='^[a-z0-9._:-]{0,127}[a-z0-9-]$' words='up to 128 lower-case letters, digits, - . _ :' ;;
    # https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id
    REGISTRATION_ID) rule='^[A-Za-z0-9._:-]{0,127}[A-Za-z0-9-]$' words='up to 128 letters, digits, - . _ :, the last one a letter, digit or -' ;;
    WAIT_SECONDS | POLL_SECONDS) rule='^[0-9]{1,4}$' words='a number of seconds' ;;
    SINCE) rule='^[1-9][0-9]{0,4}[smhd]$' words='a time such as 30m, 12h or 2d' ;;
    LAST) rule='^[1-9][0-9]{0,3}$' words='a number from 1 to 9999' ;;
    *) rule='' words='' ;;
  esac
}

# read_settings "$@": flags first, then the settings file, then defaults; every mistake is told at once.
read_settings() {
  local name value flag file='' given_file=false mistakes='' missing=''
  for name in $switches; do printf -v "$name" false; done
  while [ $# -gt 0 ]; do
    flag=$1
    shift
    case $flag in
      -h | --help) usage && exit 0 ;;
      --dry-run) dry_run=true && continue ;;
      --*=*) value=${flag#*=} flag=${flag%%=*} ;;
      --*)
        name=$(name_of "$flag")
        if is_one_of "$name" "$switches"; then
          printf -v "$name" true
          continue
        fi
        [ $# -gt 0 ] || refuse "$flag wants a value."
        value=$1
        shift
        ;;
      *) refuse "'$flag' is no flag. See $program --help." ;;
    esac
    name=$(name_of "$flag")
    if [ "$name" = SETTINGS ]; then
      file=$value given_file=true
    elif is_one_of "$name" "$settings $options"; then
      printf -v "$name" '%s' "$value"
    elif is_one_of "$name" "$KNOWN_SETTINGS"; then
      : # Of another script. One set of flags, like one settings file, serves them all.
    else
      refuse "$flag is not a flag of $program. See $program --help."
    fi
  done

  $given_file || file=$root/azure.env
  if [ -f "$file" ]; then
    read_settings_file "$file"
  elif $given_file; then
    refuse "there is no settings file $file."
  fi

  for name in $settings; do
    [ -n "${!name:-}" ] || printf -v "$name" '%s' "$(default_of "$name")"
    [ -n "${!name}" ] || missing="$missing $name ($(flag_of "$name"))"
  done
  for name in $settings $options; do
    rule_of "$name"
    if [ -n "${!name}" ] && [ -n "$rule" ] && ! [[ ${!name} =~ $rule ]]; then
      mistakes="$mistakes"$'\n'"  $name is '${!name}': wanted $words."
    fi
  done
  [ -z "$missing" ] || mistakes="$mistakes"$'\n'"  Not given:$missing."
  [ -z "$mistakes" ] || refuse "the settings do not do:$mistakes"$'\n'"Give them as flags or in azure.env; scripts/azure.env.example is the form."
}

# Lines NAME=value, read and never executed. A flag given already wins; what this script does not use is checked too.
read_settings_file() {
  local file=$1 line name value number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1)) line=${line%$'\r'}
    case $line in '' | '#'*) continue ;; esac
    name=${line%%=*} value=${line#*=}
    if [ "$name" = "$line" ] || ! is_one_of "$name" "$KNOWN_SETTINGS"; then
      refuse "$file, line $number: wanted NAME=value with a name of scripts/azure.env.example."
    fi
    case $value in
      \"*\") value=${value#\"} value=${value%\"} ;;
      \'*\') value=${value#\'} value=${value%\'} ;;
    esac
    if is_one_of "$name" "$settings" && [ -z "${!name:-}" ]; then printf -v "$name" '%s' "$value"; fi
  done <"$file"
}

# The comment at the top of the script is its help.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
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

refuse() {
  printf '%s: %s\n' "$program" "$1" >&2
  exit "$EX_USAGE"
}

# === saying things ===

# begin STEP: names what the commands that follow are for ("creating the storage account").
begin() {
  step=$1
  if $dry_run; then say "# $step"; else say "$step …"; fi
}

say() {
  mask "$1" >&3
  printf '\n' >&3
}

# hide SECRET: from now on it is shown as ****.
hide() {
  if [ -n "$1" ] && [ "$1" != '****' ]; then secrets+=("$1"); fi
}

# mask TEXT: the text without the secrets and without any key in a URL.
mask() {
  local text=$1 secret
  for secret in ${secrets[@]+"${secrets[@]}"}; do text=${text//"$secret"/****}; done
  # LC_ALL: what a tool prints need not be text in this locale.
  printf '%s' "$text" | LC_ALL=C sed -E 's/([?&]code=)[^]&"'"'"' )}>]*/\1****/g'
}

# fail WHAT AZURE_SAID WHAT_TO_TRY
fail() {
  {
    printf '%s: failed while %s.\n' "$program" "$step"
    [ -z "$1" ] || printf '  What failed: %s\n' "$(mask "$1")"
    [ -z "$2" ] || printf '  Azure said:  %s\n' "$(mask "$2" | first_lines)"
    printf '  Try:         %s\n' "$3"
  } >&2
  exit 1
}

# The first lines of a message, without the examples that az appends.
first_lines() {
  LC_ALL=C sed -n -e '/^Examples from/q' -e '/^https:\/\/aka.ms/q' -e '/^[[:space:]]*$/d' -e p | head -n 6 | LC_ALL=C sed -e '2,$s/^/               /'
}

# === running commands ===

# run COMMAND…: runs it; its standard output goes on; a failure is explained and ends the script.
run() {
  if $dry_run; then
    show "$@"
    return
  fi
  local status=0
  attempt "$@" || status=$?
  [ "$status" = 0 ] || explain "$status" "$@"
}

# ask PLACEHOLDER COMMAND…: as run, for $(…): a dry run answers with the placeholder.
ask() {
  local placeholder=$1
  shift
  run "$@"
  if $dry_run; then printf '%s' "$placeholder"; fi
}

# attempt COMMAND…: runs it and keeps what it says on standard error in $said.
attempt() {
  local status=0
  said=''
  { said=$("$@" 2>&1 >&4 4>&- </dev/null); } 4>&1 || status=$?
  # `az` warns there also when all is well; a preview or a deprecation should be seen.
  if [ "$status" = 0 ] && [ -n "$said" ]; then mask "$said"$'\n' >&2; fi
  return "$status"
}

# found COMMAND…: whether the thing that the command shows exists. What it prints is lost.
found() {
  if $dry_run; then
    show "$@"
    return 1
  fi
  local status=0
  attempt "$@" >/dev/null || status=$?
  [ "$status" != 0 ] || return 0
  if [ "$status" = 3 ] || is_absence "$said"; then return 1; fi
  explain "$status" "$@"
}

# The words with which Azure says that a thing does not exist. az itself exits with 3 then, its extensions with 1.
is_absence() {
  [[ $1 =~ (ResourceNotFound|ResourceGroupNotFound|NotFound|not\ found|404201|404202|404\ Not\ Found) ]]
}

# resource_exists TYPE NAME
resource_exists() {
  found az resource show --resource-group "$RESOURCE_GROUP" --resource-type "$1" --name "$2" --query id --output tsv
}

# show COMMAND…: a line that a shell would read as this command, secrets masked.
show() {
  local word line=''
  for word in "$@"; do line="$line $(quote "$word")"; done
  say "${line# }"
}

quote() {
  if [[ $1 =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
    printf '%s' "$1"
  else
    printf "'%s'" "${1//\'/\'\\\'\'}"
  fi
}

# explain STATUS COMMAND…: ends the script with the step, the command, what Azure said in $said, and what to try.
explain() {
  local status=$1 words='' word
  shift
  for word in "$@"; do
    case $word in -*) break ;; esac
    words="$words $word"
  done
  fail "${words# } (exit code $status)" "$said" "$(advice "$status" "$said" "$1")"
}

# advice STATUS SAID TOOL: what to do about it, in one sentence.
advice() {
  if [ "$1" = 127 ]; then
    case $3 in
      az) echo 'install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli' ;;
      func) echo 'install the Azure Functions Core Tools: npm install --global azure-functions-core-tools@4' ;;
      *) echo "install $3." ;;
    esac
    return
  fi
  case $2 in
    *'az login'* | *AADSTS* | *'az logout'*)
      echo "az login, then run $program again." ;;
    *StorageAccountAlreadyTaken* | *'already taken'* | *'already in use'* | *'already exists'* | *'not available'*name* | *'name'*'not available'* | *NameNotAvailable* | *'Unavailable name'*)
      echo 'the name is taken, by somebody else perhaps: these names are worldwide. Choose another one and run again.' ;;
    *'appears to be unhealthy'*)
      echo 'scripts/logs.sh --browser: a package without the executable bit or for another processor does not start.' ;;
    *list-flexconsumption-locations* | *LocationNotAvailableForResourceType* | *'No available providers'* | *'Location is invalid'*)
      echo 'another LOCATION; az functionapp list-flexconsumption-locations lists those with Flex Consumption.' ;;
    *InvalidResourceGroupLocation*)
      echo 'the LOCATION in which that resource group already is, or another RESOURCE_GROUP.' ;;
    *429* | *TooManyRequests* | *throttled* | *'Too Many Requests'*)
      echo "Azure limits the pace of requests: wait a minute and run $program again; it goes on where it stopped." ;;
    *AuthorizationFailed* | *'does not have authorization'* | *Forbidden* | *'403'*)
      echo 'an account with the role Contributor on the resource group (az account show says who you are).' ;;
    *MissingSubscriptionRegistration* | *'not registered to use namespace'*)
      echo 'az provider register with the namespace that the message names, wait until it is Registered, run again.' ;;
    *'misspelled or not recognized'* | *'unrecognized arguments'* | *'not a valid value for'*)
      echo 'az upgrade, and az extension add --name azure-iot --upgrade: this az is older than the scripts.' ;;
    *'quota'* | *'Max number of'* | *QuotaExceeded*)
      echo 'a subscription has limits (one F1 hub, for instance): another IOT_HUB_SKU or LOCATION, or ask Azure for more.' ;;
    *'Failed to resolve'* | *'Connection aborted'* | *'Failed to establish'* | *ConnectionError* | *'Max retries exceeded'*)
      echo "the network: Azure could not be reached. Run $program again." ;;
    *'not found'* | *NotFound* | *'could not be found'*)
      echo 'the script that creates it first (deploy.sh, create-dps.sh, enroll.sh, in this order), and the names in azure.env.' ;;
    *)
      if [ "$1" = 3 ]; then
        advice 1 'not found' "$3"
      else
        echo "the command again with --debug, then $program again: it goes on where it stopped."
      fi ;;
  esac
}

# === what several scripts do ===

sign_in() {
  begin 'checking that you are signed in'
  local subscription
  subscription=$(ask subscription az account show --query name --output tsv)
  $dry_run || say "  subscription: $subscription"
}

# Enrollments and simulated devices are in an extension of az.
need_iot_extension() {
  begin 'making sure that az has its azure-iot extension'
  run az extension add --name azure-iot --upgrade --only-show-errors
}

# Sets $function_url: where the function answers, without a key.
find_function_url() {
  function_url=$(ask "https://$FUNCTION_APP.azurewebsites.net/api/$FUNCTION" az functionapp function show \
    --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" --function-name "$FUNCTION" \
    --query invokeUrlTemplate --output tsv)
  case $function_url in
    https://*) ;;
    *) fail "the function's address is '$function_url'" '' "deploy.sh: the app has no function $FUNCTION yet." ;;
  esac
}

# read_key NAME: sets $key to the function's key of that name, empty if there is none.
read_key() {
  key=$(ask '****' az functionapp function keys list --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --query "\"$1\"" --output tsv)
  [ "$key" != None ] || key=''
  hide "$key"
}

# The numbers of the function's keys for DPS, the newest last: 1 for `dps`, 2 for `dps-2`.
key_numbers() {
  ask "$KEY_NAME" az functionapp function keys list --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --query 'keys(@)' --output tsv |
    sed -n -E -e "s/^$KEY_NAME\$/1/p" -e "s/^$KEY_NAME-([0-9]{1,9})\$/\\1/p" | sort -n
}

key_name() {
  if [ "$1" = 1 ]; then echo "$KEY_NAME"; else echo "$KEY_NAME-$1"; fi
}

# set_key NAME: a new key with a value that Azure makes; it is not printed.
set_key() {
  run az functionapp function keys set --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --key-name "$1" --output none --only-show-errors
}

# Sets $webhook_url from $function_url and $key. Keys hold characters that a query cannot: = + /
make_webhook_url() {
  local encoded
  encoded=$(percent_encode "$key")
  hide "$encoded"
  webhook_url="$function_url?code=$encoded"
}

percent_encode() {
  local LC_ALL=C text=$1 character i
  if $dry_run; then
    printf '%s' "$text"
    return
  fi
  for ((i = 0; i < ${#text}; i++)); do
    character=${text:i:1}
    case $character in
      [A-Za-z0-9._~-]) printf '%s' "$character" ;;
      *) printf '%%%02X' "'$character" ;;
    esac
  done
}

# wait_for_webhook: calls the webhook as DPS would, with a request that assigns nothing, until the function
# itself answers it or WAIT_SECONDS have passed.
wait_for_webhook() {
  local curl=(curl --silent --show-error --max-time 60 --write-out '\n%{http_code}' --config -)
  if $dry_run; then
    show "${curl[@]}"
    say "# … with this on its standard input: url = \"$webhook_url\", header = \"content-type: application/json\", data = \"{}\""
    return
  fi
  local deadline=$((SECONDS + WAIT_SECONDS)) answer status body
  while :; do
    # The URL has the key, so curl reads it where no process list shows it.
    status=0
    answer=$(printf 'url = "%s"\nheader = "content-type: application/json"\ndata = "{}"\n' "$webhook_url" |
      "${curl[@]}" 2>&1) || status=$?
    if [ "$status" = 127 ]; then fail 'curl' '' 'install curl.'; fi
    if [ "$status" = 0 ]; then
      status=${answer##*$'\n'} body=${answer%$'\n'*}
    else
      # Without an answer curl writes 000 for the code.
      status=000 body=${answer//$'\n'000/}
    fi
    case $status in
      400)
        [ "$body" = 'Registration ID not provided for the device.' ] ||
          say '  It answers 400, though not with the words of the policy shipped here.'
        return ;;
      2??)
        say "  It answers $status to a request without a registration id: this is not the policy shipped here."
        return ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || break
    sleep "$POLL_SECONDS"
  done
  [ "$status" = 000 ] || body="$status $body"
  fail "the webhook's answer to an empty request" "$body" "$(webhook_advice "$status")"
}

# webhook_advice STATUS
webhook_advice() {
  case $1 in
    401 | 403) echo "401: the key in the URL is none of the function's. DPS would tell the device 400209. Run enroll.sh, which reads the key anew." ;;
    404) echo "404: the app has no function at this address. DPS would tell the device 400207. Run deploy.sh, then this again." ;;
    5??) echo "$1: the function is there and does not work. DPS would try again for minutes, then tell the device 400207. Look in logs.sh." ;;
    000) echo 'no answer at all: the name of the app, and the network from here to Azure.' ;;
    *) echo "$1 is no answer of this function: look at its address in deploy.sh's last line." ;;
  esac
}
