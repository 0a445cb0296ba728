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
# A trace (bash -x) would show the keys; --dry-run shows the commands.
set +x

# With CDPATH set, cd may go elsewhere, and says where.
root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
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

source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$(dirname "${BASH_SOURCE[0]}")/commands.sh"
source "$(dirname "${BASH_SOURCE[0]}")/advice.sh"
source "$(dirname "${BASH_SOURCE[0]}")/function.sh"
