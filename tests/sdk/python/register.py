"""Register one device with the unmodified Azure IoT device SDK for Python, and print the outcome as one
line of JSON. Parameters come from the environment; see `setting` below."""

import json
import os
import sys

import socks
from azure.iot.device import ProvisioningDeviceClient, ProxyOptions


def setting(name, default=None):
    return os.environ.get("REGISTER_" + name, default)


def main():
    proxy_port = setting("PROXY_PORT")
    proxy = None
    if proxy_port:
        # The SDK always connects to port 8883; the proxy maps it to the emulator's.
        proxy = ProxyOptions(proxy_type=socks.HTTP, proxy_addr="127.0.0.1", proxy_port=int(proxy_port))
    with open(setting("CA"), encoding="ascii") as ca:
        client = ProvisioningDeviceClient.create_from_symmetric_key(
            provisioning_host=setting("HOST"),
            registration_id=setting("ID"),
            id_scope=setting("SCOPE"),
            symmetric_key=setting("KEY"),
            server_verification_cert=ca.read(),
            proxy_options=proxy,
        )
    if setting("PAYLOAD"):
        client.provisioning_payload = json.loads(setting("PAYLOAD"))
    try:
        result = client.register()
    except Exception as error:  # whatever the SDK raises is what the test is about
        causes = []
        while error is not None:
            causes.append({"type": type(error).__name__, "message": str(error)})
            error = error.__cause__
        print(json.dumps({"status": "error", "errors": causes}))
        return 1
    state = result.registration_state
    answer = {"status": result.status}
    if state is not None:
        answer["hub"] = state.assigned_hub
        answer["deviceId"] = state.device_id
        answer["substatus"] = state.sub_status
        answer["payload"] = state.response_payload and json.loads(state.response_payload)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
