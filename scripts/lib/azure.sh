# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts
# What the Azure scripts share: settings, --dry-run, and running commands with failures explained and secrets masked.
# Sourced by them, never run.
#
# A script says what it takes before it calls `read_settings "$@"`:
#   settings   what it needs, as an option or in the settings file (RESOURCE_GROUP: --resource-group)
#   options    what it takes on the command line only, with a default set by the script
#   switches   options without a value (YES: --yes), `false` unless given
set -euo pipefail
# A trace (bash -x) would show the keys; --dry-run shows the commands.
set +x

# With CDPATH set, cd could go to another folder and would print its name.
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${0##*/}

# The name of the function key that DPS uses. Rotation makes `dps-2`, `dps-3`, …; the highest number is the newest.
readonly KEY_NAME=dps
# What these scripts create has this tag; cleanup.sh deletes nothing without it.
readonly TAG_NAME=created-by TAG_VALUE=dps-custom-allocation
# Tag of the Function App for each enrollment group that enroll.sh created: <this>.<DPS instance>.<group>=created
readonly ENROLLMENT_TAG=dps-custom-allocation-enrollment
# The version of the request that DPS sends: https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation
readonly WEBHOOK_API_VERSION=2021-10-01

settings='' options='' switches=''
dry_run=false
step='reading the settings'
secrets=()

# Standard output, for what must be printed from within a $(…) too.
exec 3>&1

trap 'say_interrupted; exit 130' INT
trap 'say_interrupted; exit 143' TERM

say_interrupted() {
  printf '%s: stopped while %s. Run it again to continue from there.\n' "$program" "$step" >&2
}

source "$(dirname "${BASH_SOURCE[0]}")/usage.sh"
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$(dirname "${BASH_SOURCE[0]}")/commands.sh"
source "$(dirname "${BASH_SOURCE[0]}")/advice.sh"
source "$(dirname "${BASH_SOURCE[0]}")/function.sh"
