# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# The function: its name in the app, its address on Azure, its keys, its webhook. Sourced by azure.sh.

# The app's functions: the names of the folders with a function.json, one to a line. An app may have none, when host.json
# lists routes instead: https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers
app_functions() {
  local file name
  for file in "$root"/*/function.json; do
    if [ -f "$file" ]; then name=${file%/*} && printf '%s\n' "${name##*/}"; fi
  done
}

# The name of the app's function; empty if it has several, or none.
only_function() {
  local names
  names=$(app_functions)
  case $names in *$'\n'*) ;; *) printf '%s' "$names" ;; esac
}

# Prints what is wrong with FUNCTION, as a line of read_settings; nothing if it is one of the app's functions.
function_mistake() {
  local names
  names=$(app_functions | tr '\n' ' ')
  if [ -z "$names" ]; then
    [ -n "$FUNCTION" ] || printf '\n  FUNCTION (--function): missing, and no folder of the app has a function.json'
  elif [ -z "$FUNCTION" ]; then
    printf '\n  FUNCTION (--function): missing, and the app has several: %s' "${names% }"
  elif ! is_one_of "$FUNCTION" "$names"; then
    printf "\\n  FUNCTION (--function): expected one of the app's (%s), found '%s'" "${names% }" "$FUNCTION"
  fi
}

# The path of the function's address by the app's files, for a dry run; otherwise az tells the address. The prefix and
# the route: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
function_path() {
  local prefix route
  prefix=$(json_text routePrefix "$root/host.json" api)
  route=$(json_text route "$root/$FUNCTION/function.json" "$FUNCTION")
  printf '%s' "${prefix:+$prefix/}$route"
}

# json_text MEMBER FILE DEFAULT: the text that a member has in a JSON file, at whatever depth; or else the default.
json_text() {
  local text='' pattern="\"$1\"[[:space:]]*:[[:space:]]*\"([^\"]*)\""
  [ ! -f "$2" ] || text=$(<"$2")
  if [[ $text =~ $pattern ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf '%s' "$3"; fi
}

# Sets $function_url: the function's address, without a key.
find_function_url() {
  function_url=$(ask "https://$FUNCTION_APP.azurewebsites.net/$(function_path)" az functionapp function show \
    --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" --function-name "$FUNCTION" \
    --query invokeUrlTemplate --output tsv)
  case $function_url in
    *'{'*) fail "the function's address has a parameter: $function_url" '' \
      "a route without one in $FUNCTION/function.json, then deploy.sh: DPS calls one fixed address." ;;
    https://*) ;;
    *) fail "expected the function's address, found '$function_url'" '' "deploy.sh: the app has no function $FUNCTION yet." ;;
  esac
}

# read_key NAME: sets $key to the function's key of that name; empty if there is none.
read_key() {
  key=$(ask '****' az functionapp function keys list --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --query "\"$1\"" --output tsv)
  [ "$key" != None ] || key=''
  hide "$key"
}

# The numbers of the function's keys for DPS, newest last: 1 for `dps`, 2 for `dps-2`.
key_numbers() {
  local names
  names=$(ask "$KEY_NAME" az functionapp function keys list --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --query 'keys(@)' --output tsv) || exit
  # az 2.87 lists the members of an empty object instead of the keys. Taken for "no keys", a key would be replaced.
  case $'\n'$names$'\n' in
    *$'\nproperties\n'*) fail 'this version of az cannot read the keys of a function' '' \
      "'az upgrade', then run $program again: https://github.com/Azure/azure-cli/issues/33516" ;;
  esac
  printf '%s\n' "$names" |
    sed -n -E -e "s/^$KEY_NAME\$/1/p" -e "s/^$KEY_NAME-([2-9]|[1-9][0-9]{1,8})\$/\\1/p" | sort -n
}

key_name() {
  if [ "$1" = 1 ]; then echo "$KEY_NAME"; else echo "$KEY_NAME-$1"; fi
}

# set_key NAME: makes a key whose value Azure chooses; it is not printed.
set_key() {
  run az functionapp function keys set --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --key-name "$1" --output none --only-show-errors
}

# Sets $webhook_url from $function_url and $key. Keys have characters that must be encoded in a query: = + /
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

# wait_for_webhook: calls the webhook as DPS would, with a request that names no device, until the function itself
# answers or WAIT_SECONDS have passed.
wait_for_webhook() {
  local curl=(curl --silent --show-error --max-time 60 --write-out '\n%{http_code}' --config -)
  if $dry_run; then
    show "${curl[@]}"
    say "# with this on its standard input: url = \"$webhook_url\", header = \"content-type: application/json\", data = \"{}\""
    return
  fi
  local deadline=$((SECONDS + WAIT_SECONDS)) answer status body told=''
  while :; do
    # The URL holds the key, so curl reads it from its standard input, which no process list shows.
    status=0
    answer=$(printf 'url = "%s"\nheader = "content-type: application/json"\ndata = "{}"\n' "$webhook_url" |
      "${curl[@]}" 2>&1) || status=$?
    if [ "$status" = 0 ]; then
      status=${answer##*$'\n'} body=${answer%$'\n'*}
    else
      # Without an answer curl writes 000 as the status.
      status=000 body=${answer//$'\n'000/}
    fi
    case $status in
      400)
        [ "$body" = 'Registration ID not provided for the device.' ] ||
          say '  It answers 400, but not with the sentence of the policy shipped here.'
        return ;;
      2??)
        say "  It answers $status to a request without a registration id: this is not the policy shipped here."
        return ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || break
    # A new key or a starting app takes a while to work.
    if [ "$status" != "$told" ]; then say "  no answer from the function yet ($status): waiting up to $WAIT_SECONDS s"; fi
    told=$status
    sleep "$POLL_SECONDS"
  done
  [ "$status" = 000 ] || body="$status $body"
  fail "the webhook's answer to an empty request" "$body" "$(webhook_advice "$status")"
}
