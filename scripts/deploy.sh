#!/usr/bin/env bash
# Creates what the function needs in Azure (resource group, storage account, Function App on Flex Consumption),
# publishes the function, waits until it answers, and prints its address.
#
# Usage: scripts/deploy.sh [--dry-run] [--settings FILE] [OPTION VALUE]…
#
#   --resource-group, --location, --storage-account, --function-app   required, here or in azure.env
#   --function NAME          the app's function; required if it has several
#   --instance-memory 512    MB: 512, 2048 or 4096
#   --maximum-instances 40   40 to 1000
#   --wait-seconds 300       how long to wait for the function to answer
#   --poll-seconds 5         time between two checks
#   --package FILE           publish this file instead of building dist/app.zip
#   --with-func              publish this folder with func instead of the package with az
#   --settings FILE          read settings from this file instead of azure.env
#   --dry-run                print the commands without running them
#
# What exists is left as it is; only what is missing is created. A resource group, storage account or app that the
# scripts did not create is used and not tagged, so cleanup.sh leaves it alone.
#
# Exit codes: 0 done, 1 failed (standard error says what, and what to try), 64 invalid options or settings.
[ -n "${BASH_VERSION:-}" ] || { echo "${0##*/}: needs bash; run scripts/${0##*/} or bash scripts/${0##*/}" >&2; exit 64; }
source "$(dirname "$0")/lib/azure.sh"

settings='RESOURCE_GROUP LOCATION STORAGE_ACCOUNT FUNCTION_APP FUNCTION INSTANCE_MEMORY MAXIMUM_INSTANCES WAIT_SECONDS POLL_SECONDS'
options='PACKAGE' PACKAGE=''
switches='WITH_FUNC' WITH_FUNC=false
read_settings "$@"
tag=$TAG_NAME=$TAG_VALUE

if [ -n "$PACKAGE" ] && [ ! -f "$PACKAGE" ]; then refuse "the package $PACKAGE does not exist"; fi
if [ -n "$PACKAGE" ] && $WITH_FUNC; then refuse '--package and --with-func exclude each other'; fi
need_tools az curl
if $WITH_FUNC; then need_tools func; fi

# build SCRIPT: runs it; its output is shown as it comes.
build() {
  if $dry_run; then
    show "scripts/$1"
  else
    "$root/scripts/$1" >&2 || fail "scripts/$1 (exit code $?)" '' "fix what scripts/$1 reports above."
  fi
}

sign_in

if ! $WITH_FUNC && [ -z "$PACKAGE" ]; then
  begin 'building the package'
  PACKAGE=$root/dist/app.zip
  build package.sh
elif $WITH_FUNC; then
  begin 'building the handler'
  build build.sh
fi

begin 'looking for the Function App'
group_exists=$(ask false az group exists --name "$RESOURCE_GROUP" --output tsv)
app_exists=false
if [ "$group_exists" = true ] || $dry_run; then
  if resource_exists Microsoft.Web/sites "$FUNCTION_APP"; then app_exists=true; fi
fi

if ! $app_exists; then
  begin 'checking that the region offers Flex Consumption'
  locations=$(ask "$LOCATION" az functionapp list-flexconsumption-locations --query '[].name' --output tsv)
  is_one_of "$LOCATION" "$locations" ||
    fail "the region $LOCATION" '' "a LOCATION with Flex Consumption: $(printf '%s' "$locations" | tr '\n' ' ')"

  begin 'creating the resource group'
  if [ "$group_exists" != true ]; then
    run az group create --name "$RESOURCE_GROUP" --location "$LOCATION" --tags "$tag" --output none
  fi

  begin 'creating the storage account'
  if ! resource_exists Microsoft.Storage/storageAccounts "$STORAGE_ACCOUNT"; then
    run az storage account create --name "$STORAGE_ACCOUNT" --resource-group "$RESOURCE_GROUP" \
      --location "$LOCATION" --sku Standard_LRS --min-tls-version TLS1_2 --allow-blob-public-access false \
      --tags "$tag" --output none
  fi

  begin 'creating the Function App'
  # No --runtime-version: az 2.91 refuses every value of it for a custom handler.
  run az functionapp create --name "$FUNCTION_APP" --resource-group "$RESOURCE_GROUP" \
    --storage-account "$STORAGE_ACCOUNT" --flexconsumption-location "$LOCATION" --runtime custom \
    --instance-memory "$INSTANCE_MEMORY" --maximum-instance-count "$MAXIMUM_INSTANCES" --https-only true \
    --tags "$tag" --output none
fi

if $app_exists || $dry_run; then
  # az creates it after the app, so it can be missing if az was interrupted.
  begin 'looking for the Application Insights of the app'
  if ! resource_exists Microsoft.Insights/components "$FUNCTION_APP" && ! $dry_run; then
    say "  There is none with the app's name; scripts/logs.sh needs it. To create it: in the portal, Function App"
    say "  $FUNCTION_APP, Application Insights, Turn on, with $FUNCTION_APP as its name."
  fi
fi

begin 'publishing the function'
if $WITH_FUNC; then
  cd "$root"
  run func azure functionapp publish "$FUNCTION_APP" --custom --no-build >&2
else
  run az functionapp deployment source config-zip --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
    --src "$PACKAGE" --output none
fi

begin 'waiting for the app to list the function'
deadline=$((SECONDS + WAIT_SECONDS))
until found az functionapp function show --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP" \
  --function-name "$FUNCTION" --query name --output tsv || $dry_run; do
  [ "$SECONDS" -lt "$deadline" ] ||
    fail "the function $FUNCTION did not appear within $WAIT_SECONDS s" "$said" \
      'Log stream in the portal: a handler without the executable bit or for another processor does not start.'
  sleep "$POLL_SECONDS"
done
find_function_url

begin 'waiting for the function to answer'
read_key default
make_webhook_url
wait_for_webhook

$dry_run || say "The function answers at $function_url (calls need a key: scripts/enroll.sh makes one for DPS)."
