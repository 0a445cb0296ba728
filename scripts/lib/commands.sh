# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# Printing with secrets masked, and running commands with failures explained. Sourced by azure.sh.

# begin STEP: prints what the next commands are for ("creating the storage account").
begin() {
  step=$1
  if $dry_run; then say "# $step"; else say "$step …"; fi
}

say() {
  mask "$1" >&3
  printf '\n' >&3
}

# hide SECRET: from now on it is printed as ****.
hide() {
  if [ -n "$1" ] && [ "$1" != '****' ]; then secrets+=("$1"); fi
}

# mask TEXT: prints the text with the secrets, and any key in a URL or a connection string, as ****.
mask() {
  local text=$1 secret
  for secret in ${secrets[@]+"${secrets[@]}"}; do text=${text//"$secret"/****}; done
  # LC_ALL: the output of a tool may not be valid text in this locale.
  printf '%s' "$text" | LC_ALL=C sed -E \
    -e 's/([?&](code|sig)=)[^]&"'"'"' )}>]*/\1****/g' -e 's/((AccountKey|SharedAccessKey)=)[^];"'"'"' )}>]*/\1****/g'
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

# The first lines of a message, from the error on: az may print many warnings before it. The examples that az appends
# are left out.
first_lines() {
  local text
  text=$(LC_ALL=C sed -n -e '/^Examples from/q' -e '/^https:\/\/aka.ms/q' -e '/^[[:space:]]*$/d' -e p)
  case $'\n'$text in
    *$'\nERROR'*) text=$(printf '%s\n' "$text" | LC_ALL=C sed -n '/^ERROR/,$p') ;;
  esac
  printf '%s\n' "$text" | head -n 6 | LC_ALL=C sed -e '2,$s/^/               /'
}

# run COMMAND…: runs it and passes its standard output on; a failure is explained and ends the script. If it fails
# because the app is starting, it is run again until WAIT_SECONDS have passed.
run() {
  if $dry_run; then
    show "$@"
    return
  fi
  local status told=false deadline=$((SECONDS + ${WAIT_SECONDS:-0}))
  while :; do
    status=0
    attempt "$@" || status=$?
    [ "$status" != 0 ] || return 0
    if ! is_starting "$said" || [ "$SECONDS" -ge "$deadline" ]; then explain "$status" "$@"; fi
    $told || say "  the app is starting: waiting up to $WAIT_SECONDS s"
    told=true
    sleep "$POLL_SECONDS"
  done
}

# ask PLACEHOLDER COMMAND…: like run, for use in $(…); in a dry run it prints the placeholder.
ask() {
  local placeholder=$1
  shift
  run "$@"
  if $dry_run; then printf '%s' "$placeholder"; fi
}

# attempt COMMAND…: runs it and keeps its standard error in $said.
attempt() {
  local status=0
  said=''
  { said=$("$@" 2>&1 >&4 4>&- </dev/null); } 4>&1 || status=$?
  # On success az prints warnings there, such as previews and deprecations, which should be seen.
  if [ "$status" = 0 ] && [ -n "$said" ]; then mask "$said"$'\n' >&2; fi
  return "$status"
}

# found COMMAND…: whether the thing that the command shows exists; its output is discarded. An app that is starting
# counts as not found.
found() {
  if $dry_run; then
    show "$@"
    return 1
  fi
  local status=0
  attempt "$@" >/dev/null || status=$?
  [ "$status" != 0 ] || return 0
  # 127 means that the command itself was not found.
  if [ "$status" = 3 ] || { [ "$status" != 127 ] && { is_absence "$said" || is_starting "$said"; }; }; then return 1; fi
  explain "$status" "$@"
}

# Azure's words for something that does not exist. az itself exits with 3 then, its extensions with 1.
is_absence() {
  [[ $1 =~ (ResourceNotFound|ResourceGroupNotFound|NotFound|not\ found|404201|404202|404\ Not\ Found) ]]
}

# Azure's words for an app that is not running yet, so that its functions and keys cannot be listed:
# https://github.com/Azure/azure-cli/issues/20892
is_starting() {
  [[ $1 =~ from\ host\ runtime|invalid\ status\ \'(Service\ Unavailable|Bad\ Gateway|Gateway\ Timeout)\' ]]
}

# same_name ONE OTHER: whether they are the same name to Azure, which ignores case:
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
same_name() (
  shopt -s nocasematch
  [[ $1 == "$2" ]]
)

# resource_exists TYPE NAME
resource_exists() {
  found az resource show --resource-group "$RESOURCE_GROUP" --resource-type "$1" --name "$2" --query id --output tsv
}

# show COMMAND…: prints the command quoted for a shell, with secrets masked.
show() {
  local word line=''
  for word in "$@"; do line="$line $(quote "$word")"; done
  say "${line# }"
}

quote() {
  if [[ $1 =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
    printf '%s' "$1"
  else
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
  fi
}

# explain STATUS COMMAND…: ends the script with the step, the command, Azure's message in $said, and what to try.
explain() {
  local status=$1 words='' word
  shift
  for word in "$@"; do
    case $word in -*) break ;; esac
    words="$words $word"
  done
  fail "${words# } (exit code $status)" "$said" "$(advice "$status" "$said" "$1")"
}

# need_tools TOOL…: ends the script, before it has done anything, if a tool is not installed. A dry run needs none.
need_tools() {
  local tool missing='' tries=''
  $dry_run && return
  step='looking for the tools it needs'
  for tool in "$@"; do
    if ! command -v "$tool" >/dev/null; then missing="$missing $tool" tries="$tries; $(advice 127 '' "$tool")"; fi
  done
  [ -z "$missing" ] || fail "not installed:$missing" '' "${tries#; }"
}

sign_in() {
  begin 'checking that you are signed in'
  local subscription
  subscription=$(ask subscription az account show --query name --output tsv)
  $dry_run || say "  subscription: $subscription"
}

# The commands for enrollments and simulated devices are in an extension of az.
need_iot_extension() {
  begin 'making sure that az has its azure-iot extension'
  run az extension add --name azure-iot --upgrade --only-show-errors
}
