// Register one device with the unmodified Azure IoT provisioning client for Node.js, over MQTT or HTTPS,
// and print the outcome as one line of JSON. Parameters come from the environment; see `setting` below.
// The emulator's certificate authority is trusted by way of NODE_EXTRA_CA_CERTS.
'use strict';

const https = require('https');
const { Http: HttpBase } = require('azure-iot-http-base');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

const setting = (name) => process.env['REGISTER_' + name];

function transport() {
    if (setting('TRANSPORT') === 'mqtt') {
        return new Mqtt();
    }
    // The SDK names no port, so that of the agent decides.
    const agent = new https.Agent({ keepAlive: true });
    agent.defaultPort = Number(setting('PORT'));
    const base = new HttpBase();
    base.setOptions({ http: { agent } });
    return new Http(base);
}

const host = setting('TRANSPORT') === 'mqtt' ? `${setting('HOST')}:${setting('PORT')}` : setting('HOST');
const security = new SymmetricKeySecurityClient(setting('ID'), setting('KEY'));
const client = ProvisioningDeviceClient.create(host, setting('SCOPE'), transport(), security);
if (setting('PAYLOAD')) {
    client.setProvisioningPayload(JSON.parse(setting('PAYLOAD')));
}
client.register((error, result) => {
    const outcome = error
        ? { status: 'error', errors: [{ type: error.name, message: error.message, result: error.result }] }
        : { status: result.status, hub: result.assignedHub, deviceId: result.deviceId, substatus: result.substatus, payload: result.payload };
    console.log(JSON.stringify(outcome));
    process.exit(error ? 1 : 0);
});
