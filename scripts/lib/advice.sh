# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # azure.sh, its neighbours and the scripts share their variables
# What to try, by what Azure said. Sourced by azure.sh.

# advice STATUS SAID TOOL: what to do about it, in one sentence.
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
      echo "az login, then run $program again." ;;
    *StorageAccountAlreadyTaken* | *'already taken'* | *'already in use'* | *'already exists'* | *'not available'*name* | *'name'*'not available'* | *NameNotAvailable* | *'Unavailable name'*)
      echo 'the name is taken, by somebody else perhaps: these names are worldwide. Choose another one and run again.' ;;
    *'appears to be unhealthy'*)
      echo 'scripts/logs.sh --browser: a package without the executable bit or for another processor does not start.' ;;
    *list-flexconsumption-locations* | *LocationNotAvailableForResourceType* | *'No available providers'* | *'Location is invalid'*)
      echo 'another LOCATION; az functionapp list-flexconsumption-locations lists those with Flex Consumption.' ;;
    *InvalidResourceGroupLocation*)
      echo 'the LOCATION in which that resource group already is, or another RESOURCE_GROUP.' ;;
    *'(429)'* | *' 429'* | *42900[0-9]* | *TooManyRequests* | *throttled* | *'Too Many Requests'*)
      echo "Azure limits the pace of requests: wait a minute and run $program again; it goes on where it stopped." ;;
    # https://github.com/Azure/azure-cli/issues/20892: keys are asked of the app itself, which may be starting.
    *'from host runtime'* | *"invalid status 'Service Unavailable'"* | *"invalid status 'Bad Gateway'"* | *"invalid status 'Gateway Timeout'"*)
      echo "a minute, then $program again: the app is starting. If it stays so, scripts/logs.sh --browser shows why." ;;
    *AuthorizationFailed* | *Unauthorized* | *'does not have authorization'* | *Forbidden*)
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
