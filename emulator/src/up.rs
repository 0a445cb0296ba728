//! What to paste, and where, so that a device registers with the emulator.

use std::fmt;
use std::path::PathBuf;

use crate::contoso::{GROUP, GROUP_KEY, HEAT_PUMP, ID_SCOPE, PAYLOAD, TOASTER, group_key};
use crate::emulator::Emulator;

/// The MQTT port that the SDKs for C and Python connect to, whatever they are told.
const FIXED_PORT: u16 = 8883;

/// How to register the tutorial's toaster with a running emulator, by each SDK. `Display` prints it.
#[derive(Clone, Debug)]
pub struct Instructions {
    /// The functions, each with its address.
    pub functions: Vec<String>,
    /// The port that speaks MQTT.
    pub mqtt_port: u16,
    /// The port that speaks HTTPS.
    pub https_port: u16,
    /// The certificate authority to trust.
    pub ca: PathBuf,
    /// This program.
    pub program: PathBuf,
}

impl Instructions {
    /// Those for `emulator`, run by `program`.
    #[must_use]
    pub fn new(emulator: &Emulator, program: PathBuf) -> Self {
        let functions = emulator.host.functions().iter();
        Self {
            functions: functions.map(|function| format!("{} {}", function.name, function.url)).collect(),
            mqtt_port: emulator.dps.mqtt_address().port(),
            https_port: emulator.dps.https_address().port(),
            ca: emulator.dps.ca_certificate().to_owned(),
            program,
        }
    }

    fn this_tool(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, ca, port) = (quoted(&self.program), quoted(&self.ca), self.mqtt_port);
        writeln!(
            f,
            "\
=== This tool ===

{program} device --registration-id {TOASTER} \\
  --group-key {GROUP_KEY} \\
  --id-scope {ID_SCOPE} --host localhost:{port} --ca {ca} \\
  --payload '{PAYLOAD}'

With --transport https --host localhost:{https}, over HTTPS. With --registration-id {HEAT_PUMP}, refused.
",
            https = self.https_port,
        )
    }

    fn c(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = group_key().derive(TOASTER).to_base64();
        writeln!(
            f,
            "\
=== C ===

In azure-iot-sdk-c, provisioning_client/samples/prov_dev_client_sample/prov_dev_client_sample.c, besides
the tutorial's own edits:

  static const char* global_prov_uri = \"localhost\";
  static const char* id_scope = \"{ID_SCOPE}\";
  prov_dev_set_symmetric_key_info(\"{TOASTER}\", \"{key}\");

SSL_CERT_FILE={} ./prov_dev_client_sample
{}",
            quoted(&self.ca),
            self.needs_fixed_port(),
        )
    }

    fn python(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = group_key().derive(TOASTER).to_base64();
        writeln!(
            f,
            "\
=== Python ===

pip install azure-iot-device
SSL_CERT_FILE={} python3 - <<'END'
import json
from azure.iot.device import ProvisioningDeviceClient
client = ProvisioningDeviceClient.create_from_symmetric_key(
    provisioning_host=\"localhost\", id_scope=\"{ID_SCOPE}\",
    registration_id=\"{TOASTER}\", symmetric_key=\"{key}\")
client.provisioning_payload = json.loads('{PAYLOAD}')
result = client.register()
print(result.status, result.registration_state.assigned_hub, result.registration_state.device_id)
END
{}",
            quoted(&self.ca),
            self.needs_fixed_port(),
        )
    }

    fn node(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = group_key().derive(TOASTER).to_base64();
        writeln!(
            f,
            "\
=== Node.js ===

npm install azure-iot-provisioning-device azure-iot-provisioning-device-mqtt azure-iot-security-symmetric-key
NODE_EXTRA_CA_CERTS={} node - <<'END'
const {{ ProvisioningDeviceClient }} = require('azure-iot-provisioning-device');
const {{ Mqtt }} = require('azure-iot-provisioning-device-mqtt');
const {{ SymmetricKeySecurityClient }} = require('azure-iot-security-symmetric-key');
const key = new SymmetricKeySecurityClient('{TOASTER}', '{key}');
const client = ProvisioningDeviceClient.create('localhost:{}', '{ID_SCOPE}', new Mqtt(), key);
client.setProvisioningPayload({PAYLOAD});
client.register((error, result) => console.log(error ?? `${{result.status}} ${{result.assignedHub}} ${{result.deviceId}}`));
END
",
            quoted(&self.ca),
            self.mqtt_port,
        )
    }

    fn needs_fixed_port(&self) -> String {
        match self.mqtt_port {
            FIXED_PORT => String::new(),
            port => format!(
                "(This SDK connects to port {FIXED_PORT} alone, and MQTT is spoken at {port} here.)\n"
            ),
        }
    }
}

// === impl Display ===

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for function in &self.functions {
            writeln!(f, "Function:               {function}")?;
        }
        writeln!(
            f,
            "Provisioning service:   MQTT localhost:{}, HTTPS localhost:{}",
            self.mqtt_port, self.https_port
        )?;
        writeln!(f, "ID scope:               {ID_SCOPE}")?;
        writeln!(f, "Enrollment group:       {GROUP}")?;
        writeln!(f, "Group key:              {GROUP_KEY}")?;
        writeln!(f, "Certificate authority:  {}\n", self.ca.display())?;
        self.this_tool(f)?;
        self.c(f)?;
        self.python(f)?;
        self.node(f)
    }
}

/// `path` as one word of a shell's command line.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
