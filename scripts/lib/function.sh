# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# The function on Azure: where it is, its keys, its webhook. Sourced by azure.sh.

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
  local names
  names=$(ask "$KEY_NAME" az functionapp function keys list --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --function-name "$FUNCTION" --query 'keys(@)' --output tsv) || exit
  # az 2.87 gives the members of an empty object instead of the keys. Taken for "no keys", it would have one replaced.
  case $'\n'$names$'\n' in
    *$'\nproperties\n'*) fail 'this az cannot read the keys of a function' '' \
      'az upgrade, then this again: https://github.com/Azure/azure-cli/issues/33516.' ;;
  esac
  printf '%s\n' "$names" |
    sed -n -E -e "s/^$KEY_NAME\$/1/p" -e "s/^$KEY_NAME-([2-9]|[1-9][0-9]{1,8})\$/\\1/p" | sort -n
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
  local deadline=$((SECONDS + WAIT_SECONDS)) answer status body told=''
  while :; do
    # The URL has the key, so curl reads it where no process list shows it.
    status=0
    answer=$(printf 'url = "%s"\nheader = "content-type: application/json"\ndata = "{}"\n' "$webhook_url" |
      "${curl[@]}" 2>&1) || status=$?
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
    # A key that is new, or an app that starts, takes a while to work.
    if [ "$status" != "$told" ]; then say "  no answer of the function yet ($status): waiting up to $WAIT_SECONDS s"; fi
    told=$status
    sleep "$POLL_SECONDS"
  done
  [ "$status" = 000 ] || body="$status $body"
  fail "the webhook's answer to an empty request" "$body" "$(webhook_advice "$status")"
}
