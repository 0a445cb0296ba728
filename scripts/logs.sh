#!/usr/bin/env bash
# Prints the function's log as the tutorial shows it, from Application Insights.
#
# Usage: scripts/logs.sh [--registration-id ID] [--dry-run] [--settings FILE] [FLAG VALUE]…
#
#   --resource-group, --function-app   needed, here or in azure.env
#   --registration-id ID   only the invocations for this device
#   --since 1h             how far back: a number with s, m, h or d
#   --last 10              this many invocations at most, the newest ones
#   --live                 then go on with what comes in, until interrupted
#   --browser              open the portal's Live Metrics instead, with func
#   --poll-seconds 5       how often --live looks
#   --settings FILE        settings from this file instead of azure.env
#   --dry-run              print the commands and run none
#
# Application Insights takes a minute or two to show a line. func's log stream in the terminal does not exist for
# Flex Consumption (https://github.com/Azure/azure-functions-core-tools/issues/4585), hence --live and --browser.
#
# Exit codes: 0 done, 1 something failed (standard error says what, and what to try), 64 bad flags or settings.
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP FUNCTION_APP POLL_SECONDS'
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
  fail "the app has no Application Insights of its name" "$said" \
    'deploy.sh, if there is no app yet; else the portal: Function App, Application Insights, Turn on (name it as the app).'
fi
app_id=$(ask 00000000-0000-0000-0000-000000000000 az resource show --resource-group "$RESOURCE_GROUP" \
  --resource-type Microsoft.Insights/components --name "$FUNCTION_APP" --query properties.AppId --output tsv)

# The lines of the policy travel with the invocation (category Function.HttpTrigger1.User); the host's own
# Executing and Executed lines are of the category Function.HttpTrigger1. One of the lines is the request's body.
wanted="traces | where timestamp > ago($SINCE) | where tostring(customDimensions.Category) == 'Function.$FUNCTION.User'"
if [ -n "$REGISTRATION_ID" ]; then
  # A body over 32 KB is cut there, and is no JSON then: look for the id in its text.
  wanted="$wanted | extend id = tostring(parse_json(message).deviceRuntimeContext.registrationId)"
  wanted="$wanted | where id =~ '$REGISTRATION_ID' or (isempty(id) and message contains '$REGISTRATION_ID')"
fi
wanted="$wanted | summarize at = max(timestamp) by invocation = tostring(customDimensions.InvocationId)"
wanted="$wanted | top $LAST by at | project invocation"

# lines_after TIME: the query for the lines that came in after it, each with the time it came in.
lines_after() {
  printf '%s' "let wanted = $wanted; traces | where timestamp > ago($SINCE) | where ingestion_time() > datetime($1)" \
    " | where tostring(customDimensions.Category) startswith 'Function.$FUNCTION'" \
    ' | where tostring(customDimensions.InvocationId) in (wanted) | order by timestamp asc' \
    " | extend level = case(severityLevel == 0, 'Verbose', severityLevel == 1, 'Information'," \
    " severityLevel == 2, 'Warning', severityLevel == 3, 'Error', 'Critical')" \
    " | extend text = replace_regex(trim(@'[\r\n]+', message), @'[\r\n]+', ' ')" \
    " | project ingestion_time(), strcat(format_datetime(timestamp, 'yyyy-MM-ddTHH:mm:ss.fff'), ' [', level, '] ', text)"
}

# The documented call: https://learn.microsoft.com/rest/api/application-insights/query/execute
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
