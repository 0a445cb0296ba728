#!/usr/bin/env bash
# Prints the function's log from Application Insights, as the tutorial shows it.
#
# Usage: scripts/logs.sh [--registration-id ID] [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --function-app   required, here or in azure.env
#   --function NAME        the app's function; required if it has several
#   --registration-id ID   only the invocations of this device
#   --since 1h             how far back: a number with s, m, h or d
#   --last 10              at most this many invocations, the newest
#   --live                 then print new lines as they arrive, until interrupted
#   --browser              open the portal's Live Metrics with func instead
#   --poll-seconds 5       time between two queries of --live
#   --settings FILE        read settings from this file instead of azure.env
#   --dry-run              print the commands without running them
#
# Application Insights takes a minute or two to show a line. func has no log stream in the terminal for Flex
# Consumption (https://github.com/Azure/azure-functions-core-tools/issues/4585), hence --live and --browser.
#
# Exit codes: 0 done, 1 failed (standard error says what, and what to try), 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP FUNCTION POLL_SECONDS'
options='REGISTRATION_ID SINCE LAST' REGISTRATION_ID='' SINCE=1h LAST=10
switches='LIVE BROWSER' LIVE=false BROWSER=false
read_settings "$@"

if $BROWSER; then
  need_tools func
  begin 'opening Live Metrics'
  run func azure functionapp logstream "$FUNCTION_APP" --browser
  exit 0
fi

need_tools az
sign_in

begin 'looking for the Application Insights of the app'
if ! resource_exists Microsoft.Insights/components "$FUNCTION_APP" && ! $dry_run; then
  fail "there is no Application Insights with the app's name" "$said" \
    'deploy.sh, if there is no app yet; otherwise, in the portal: Function App, Application Insights, Turn on, with the name of the app.'
fi
app_id=$(ask 00000000-0000-0000-0000-000000000000 az resource show --resource-group "$RESOURCE_GROUP" \
  --resource-type Microsoft.Insights/components --name "$FUNCTION_APP" --query properties.AppId --output tsv)

# The policy's lines have the category Function.<function>.User, the host's own Executing and Executed lines
# Function.<function>. One of the policy's lines is the request's body.
invocations="traces | where timestamp > ago($SINCE) | where tostring(customDimensions.Category) == 'Function.$FUNCTION.User'"
if [ -n "$REGISTRATION_ID" ]; then
  # A body over 32 KB is truncated there and no longer valid JSON: look for the id in its text.
  invocations="$invocations | extend id = tostring(parse_json(message).deviceRuntimeContext.registrationId)"
  invocations="$invocations | where id =~ '$REGISTRATION_ID' or (isempty(id) and message contains '$REGISTRATION_ID')"
fi
invocations="$invocations | summarize at = max(timestamp) by invocation = tostring(customDimensions.InvocationId)"
invocations="$invocations | top $LAST by at | project invocation"

# lines_after TIME: the query for the lines ingested after it, each with its ingestion time.
lines_after() {
  printf '%s' "let invocations = $invocations; traces | where timestamp > ago($SINCE) | where ingestion_time() > datetime($1)" \
    " | where tostring(customDimensions.Category) startswith 'Function.$FUNCTION'" \
    ' | where tostring(customDimensions.InvocationId) in (invocations) | order by timestamp asc' \
    " | extend level = case(severityLevel == 0, 'Verbose', severityLevel == 1, 'Information'," \
    " severityLevel == 2, 'Warning', severityLevel == 3, 'Error', 'Critical')" \
    " | extend text = replace_regex(trim(@'[\r\n]+', message), @'[\r\n]+', ' ')" \
    " | project ingestion_time(), strcat(format_datetime(timestamp, 'yyyy-MM-ddTHH:mm:ss.fff'), ' [', level, '] ', text)"
}

# query TIME: runs it: https://learn.microsoft.com/rest/api/application-insights/query/execute
query() {
  local kql
  kql=$(lines_after "$1")
  kql=${kql//\\/\\\\}
  kql=${kql//\"/\\\"}
  run az rest --method post --url "https://api.applicationinsights.io/v1/apps/$app_id/query" \
    --resource https://api.applicationinsights.io --body "{\"query\":\"$kql\"}" \
    --query 'tables[0].rows' --output tsv
}

begin 'reading the log'
since=1970-01-01T00:00:00Z
seen=false
while :; do
  if $dry_run; then
    query "$since"
    break
  fi
  lines=$(query "$since")
  if [ -n "$lines" ]; then
    seen=true
    mask "$lines"$'\n' | cut -f 2-
    since=$(printf '%s\n' "$lines" | cut -f 1 | sort | tail -n 1)
  fi
  $LIVE || break
  sleep "$POLL_SECONDS"
done
$seen || $dry_run || say "  Nothing in the last $SINCE. Lines take a minute or two to arrive; --since 1d looks further back."
