use functions_host::HostError;

use crate::cli::outcome::Stop;
use crate::emulator::EmulatorError;

/// Where devices connect: what `up` and `dps` share.
#[derive(Debug, clap::Args)]
pub(super) struct DevicePorts {
    /// Port for MQTT over TLS; 0 takes a free one. The SDKs for C and Python connect to 8883 only; in those for .NET
    /// and Node it can be set
    #[arg(long, value_name = "PORT", default_value_t = 8883)]
    pub(super) mqtt_port: u16,

    /// Port for HTTPS; 0 takes a free one. The SDKs for C and Node connect to 443 only [default: 443, or 8443 if
    /// 443 is in use or needs privileges]
    #[arg(long, value_name = "PORT")]
    https_port: Option<u16>,
}

impl DevicePorts {
    /// The ports for HTTPS, of which the first that is available is used.
    pub(super) fn https_ports(&self) -> Vec<u16> {
        self.https_port.map_or_else(|| vec![443, 8443], |port| vec![port])
    }

    /// What to tell the user if HTTPS is at `port` only because the preferred one was not available.
    pub(super) fn https_note(&self, port: u16) -> Option<String> {
        let preferred = *self.https_ports().first()?;
        (preferred != port && preferred != 0).then(|| {
            format!(
                "HTTPS is at port {port}, since {preferred} is in use or needs privileges (on Linux: sudo sysctl \
                 net.ipv4.ip_unprivileged_port_start={preferred}); the SDKs for C and Node connect to {preferred} only"
            )
        })
    }
}

/// `error` in one sentence; if a port is not available, with the option that sets another.
pub(super) fn not_started(error: &EmulatorError) -> Stop {
    match error {
        EmulatorError::Host(HostError::Listen(..)) => {
            Stop::Failed(format!("{error}; --port sets another port"))
        }
        _ => Stop::failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::DevicePorts;

    #[test]
    fn https_is_at_443_or_else_at_8443_which_is_said_with_what_to_do() {
        let ports = DevicePorts { mqtt_port: 8883, https_port: None };
        assert_eq!(ports.https_ports(), [443, 8443]);
        assert_eq!(ports.https_note(443), None);
        let note = ports.https_note(8443).unwrap();
        assert!(note.starts_with("HTTPS is at port 8443, since 443 is in use or needs privileges"), "{note}");
        assert!(note.contains("sudo sysctl net.ipv4.ip_unprivileged_port_start=443"), "{note}");
        assert!(!note.contains('\n'), "{note}");
    }

    #[test]
    fn an_https_port_that_is_given_is_the_only_one() {
        for (given, got) in [(9443, 9443), (0, 40_001)] {
            let ports = DevicePorts { mqtt_port: 8883, https_port: Some(given) };
            assert_eq!((ports.https_ports(), ports.https_note(got)), (vec![given], None));
        }
    }
}
