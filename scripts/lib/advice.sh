# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# What to try, by Azure's message. Sourced by azure.sh.

# advice STATUS SAID TOOL: what to try, in one sentence.
advice() {
  if [ "$1" = 127 ]; then
    case $3 in
      az) echo 'install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli' ;;
      func) echo 'install the Azure Functions Core Tools: npm install --global azure-functions-core-tools@4' ;;
      *) echo "install $3" ;;
    esac
    return
  fi
  case $2 in
    *'az login'* | *AADSTS* | *'az logout'*)
      echo "'az login', then run $program again." ;;
    *StorageAccountAlreadyTaken* | *'already taken'* | *'already in use'* | *'already exists'* | *'not available'*name* | *'name'*'not available'* | *NameNotAvailable* | *'Unavailable name'*)
      echo 'another name: this one is taken, perhaps by somebody else, as these names are unique worldwide.' ;;
    *'appears to be unhealthy'*)
      echo 'scripts/logs.sh --browser: a handler without the executable bit or for another processor does not start.' ;;
    *list-flexconsumption-locations* | *LocationNotAvailableForResourceType* | *'No available providers'* | *'Location is invalid'*)
      echo "another LOCATION; 'az functionapp list-flexconsumption-locations' lists those with Flex Consumption." ;;
    *InvalidResourceGroupLocation*)
      echo 'the LOCATION of the existing resource group, or another RESOURCE_GROUP.' ;;
    *'(429)'* | *' 429'* | *42900[0-9]* | *TooManyRequests* | *throttled* | *'Too Many Requests'*)
      echo "wait a minute and run $program again; it continues where it stopped. Azure limits the rate of requests." ;;
    # Keys come from the app itself, which may be starting: https://github.com/Azure/azure-cli/issues/20892
    *'from host runtime'* | *"invalid status 'Service Unavailable'"* | *"invalid status 'Bad Gateway'"* | *"invalid status 'Gateway Timeout'"*)
      echo "wait a minute and run $program again: the app is starting. If that does not end, scripts/logs.sh --browser shows why." ;;
    *AuthorizationFailed* | *Unauthorized* | *'does not have authorization'* | *Forbidden*)
      echo "an account with the role Contributor on the resource group ('az account show' shows yours)." ;;
    *MissingSubscriptionRegistration* | *'not registered to use namespace'*)
      echo "'az provider register --namespace' with the namespace in the message, wait until it is Registered, and run $program again." ;;
    *'misspelled or not recognized'* | *'unrecognized arguments'* | *'not a valid value for'*)
      echo "'az upgrade' and 'az extension add --name azure-iot --upgrade': this az is older than the scripts." ;;
    *'quota'* | *'Max number of'* | *QuotaExceeded*)
      echo 'another IOT_HUB_SKU or LOCATION, or ask Azure for a higher quota: a subscription has limits (one F1 hub, for example).' ;;
    *'Failed to resolve'* | *'Connection aborted'* | *'Failed to establish'* | *ConnectionError* | *'Max retries exceeded'*)
      echo "check the network, then run $program again: Azure could not be reached." ;;
    *'not found'* | *NotFound* | *'could not be found'*)
      echo 'first the script that creates it (deploy.sh, create-dps.sh, enroll.sh, in this order); check the names in azure.env.' ;;
    *)
      if [ "$1" = 3 ]; then
        advice 1 'not found' "$3"
      else
        echo "run the command with --debug, then $program again: it continues where it stopped."
      fi ;;
  esac
}

# webhook_advice STATUS: what to try when the webhook answers with this status; 000 means no answer.
webhook_advice() {
  case $1 in
    401 | 403) echo "$1: the key in the URL is not one of the function's keys. The device would get 400209. Run enroll.sh, which reads the key again." ;;
    404) echo "404: the app has no function at this address. The device would get 400207. Run deploy.sh, then $program again." ;;
    5??) echo "$1: the function exists but fails. DPS would retry for minutes, then the device would get 400207. See scripts/logs.sh." ;;
    000) echo 'check the name of the app and the network: there was no answer.' ;;
    *) echo "$1 is not an answer of this function: check its address in the last line of deploy.sh." ;;
  esac
}
