//! Reads the record of one enrollment, and writes the copy of it that a webhook is given.
//!
//! The copy has the members in the order in which the service writes them, with the keys left out and
//! the query of the webhook's URL redacted, as the request in Microsoft's tutorial shows:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
//! Unknown members are passed on as they are, with a warning: they may be misspelled.

use hyper::Uri;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::enrollments::document::{Members, Mistake, Mistakes, Node};
use crate::enrollments::enrollment::{Enrollment, Hub, Kind, Policy, Reprovision};
use crate::enrollments::{attestation, definition};
use crate::webhook::twin;
use crate::{registration_id, stamp};
use symmetric_key::SymmetricKey;

/// The service's words for a custom policy without a webhook:
/// <https://github.com/MicrosoftDocs/azure-docs/issues/17690>.
const NO_DEFINITION: &str =
    "400004: A CustomAllocationDefinition is required when the allocation policy is set to 'Custom'";

/// Of a member that the REST API does not have.
const UNKNOWN: &str = "unknown member: it has no effect here, and is sent to webhooks as it is";

/// An enrollment, and what in it is probably not intended.
pub(crate) struct Read {
    pub(crate) enrollment: Enrollment,
    pub(crate) warnings: Vec<String>,
}

struct Reader<'a, 'm> {
    members: Members<'a>,
    record: Map<String, Value>,
    mistakes: &'m mut Mistakes,
    warnings: Vec<String>,
}

/// Reads the enrollment at `node`. `linked` are the hubs it can select from, and `changed` is the time
/// that it was made and last changed, if it gives none.
pub(crate) fn read(
    node: &Node<'_>,
    kind: Kind,
    linked: &[Hub],
    changed: &str,
    mistakes: &mut Mistakes,
) -> Option<Read> {
    let members = mistakes.note(node.members())?;
    let mut reader = Reader { members, record: Map::new(), mistakes, warnings: Vec::new() };
    let id = reader.id(kind);
    let device_id = if kind == Kind::Individual { reader.device_id() } else { None };
    let keys = reader.attestation();
    reader.copy("optionalDeviceInformation");
    reader.copy("capabilities");
    let legacy_hub = reader.copy("iotHubHostName");
    let initial_twin = reader.initial_twin();
    let etag = reader.text("etag");
    let enabled = reader.choice("provisioningStatus", &["enabled", "disabled"]) != Some("disabled");
    reader.default("provisioningStatus", "enabled");
    let reprovision = reader.reprovision();
    for name in ["createdDateTimeUtc", "lastUpdatedDateTimeUtc"] {
        reader.text(name);
        reader.default(name, changed);
    }
    let policy_node = reader.copy("allocationPolicy");
    let policy = reader.policy_name(policy_node.as_ref());
    let selected = reader.hubs(linked);
    let webhook = reader.webhook(policy);
    let policy = match policy {
        Some("custom") => match webhook {
            None => {
                let place = policy_node.as_ref().unwrap_or(node);
                reader.mistakes.0.push(place.mistake(NO_DEFINITION));
                None
            }
            Some(webhook) => webhook.map(Policy::Custom),
        },
        Some("static") => reader.static_hub(legacy_hub.as_ref(), &selected, linked).map(Policy::Static),
        Some("geoLatency") => Some(Policy::GeoLatency),
        Some("hashed") => Some(Policy::Hashed),
        _ => None,
    };
    let Reader { members, mut record, mistakes, mut warnings } = reader;
    for (name, node) in members.rest() {
        let Some(value) = mistakes.note(node.value()) else { continue };
        // What the service knows of the device's registration: part of a record that it has shown.
        if name != "registrationState" {
            warnings.push(node.mistake(UNKNOWN).to_string());
        }
        record.insert(name, value);
    }
    if etag.is_none() {
        add_etag(&mut record);
    }
    let enrollment = Enrollment {
        kind,
        id: id?,
        keys: keys?,
        enabled,
        device_id,
        reprovision: reprovision?,
        policy: policy?,
        hubs: if selected.is_empty() { linked.to_vec() } else { selected },
        initial_twin,
        record: to_raw_value(&record).ok()?,
    };
    Some(Read { enrollment, warnings })
}

/// Reads the host name of a hub.
pub(crate) fn read_host(node: &Node<'_>) -> Result<String, Mistake> {
    let name = node.string()?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if !name.is_empty() && name.len() <= 253 && name.bytes().all(good) {
        Ok(name)
    } else {
        Err(node.mistake("expected a hub's host name, such as \"contoso-hub.azure-devices.net\""))
    }
}

// === impl Reader ===

impl<'a> Reader<'a, '_> {
    /// Takes the member `name`, and copies it into the record.
    fn copy(&mut self, name: &str) -> Option<Node<'a>> {
        let node = self.members.take(name)?;
        let value = self.mistakes.note(node.value())?;
        self.record.insert(name.to_owned(), value);
        Some(node)
    }

    /// Writes the string `value` as member `name` of the record, unless it has one.
    fn default(&mut self, name: &str, value: &str) {
        self.record.entry(name).or_insert_with(|| Value::String(value.to_owned()));
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let node = self.copy(name)?;
        self.mistakes.note(node.string())
    }

    /// The string member `name`, one of `known`: the CLI writes `geolatency` where the REST API has `geoLatency`.
    fn choice(&mut self, name: &str, known: &[&'static str]) -> Option<&'static str> {
        let node = self.copy(name)?;
        self.one_of(&node, known)
    }

    fn one_of(&mut self, node: &Node<'_>, known: &[&'static str]) -> Option<&'static str> {
        let text = self.mistakes.note(node.string())?;
        let found = known.iter().find(|choice| choice.eq_ignore_ascii_case(&text)).copied();
        if found.is_none() {
            self.mistakes.0.push(node.mistake(format!("expected one of {}", known.join(", "))));
        }
        found
    }

    fn id(&mut self, kind: Kind) -> Option<String> {
        let (name, meaning) = match kind {
            Kind::Group => ("enrollmentGroupId", "the id of the enrollment group"),
            Kind::Individual => ("registrationId", "the registration id of the device"),
        };
        let node = self.copy(name);
        let Some(node) = node else {
            let missing = self.members.need(name, meaning).map(drop);
            return self.mistakes.note(missing).and(None);
        };
        let id = self.mistakes.note(node.string())?;
        if registration_id::is_id(&id) {
            return Some(id);
        }
        self.mistakes.0.push(node.mistake(registration_id::RULE));
        None
    }

    fn device_id(&mut self) -> Option<String> {
        let node = self.copy("deviceId")?;
        let id = self.mistakes.note(node.string())?;
        if !registration_id::is_device_id(&id) {
            let rule =
                "expected 1 to 128 letters, digits and -.%_*?!(),:=@$'+#, as in the id of a hub's device";
            self.mistakes.0.push(node.mistake(rule));
        }
        Some(id)
    }

    fn attestation(&mut self) -> Option<Vec<SymmetricKey>> {
        let node = self.members.need("attestation", attestation::EXAMPLE);
        let node = self.mistakes.note(node)?;
        let read = attestation::read(&node, self.mistakes)?;
        self.record.insert("attestation".to_owned(), read.copy);
        Some(read.keys)
    }

    fn initial_twin(&mut self) -> Option<Box<RawValue>> {
        let node = self.copy("initialTwin")?;
        let twin = to_raw_value(self.record.get("initialTwin")?).ok()?;
        for oddity in twin::oddities(&twin) {
            self.mistakes.0.push(node.mistake(oddity));
        }
        Some(twin)
    }

    fn reprovision(&mut self) -> Option<Reprovision> {
        let Some(node) = self.copy("reprovisionPolicy") else { return Some(Reprovision::Migrate) };
        let mut members = self.mistakes.note(node.members())?;
        let mut flag = |name| members.take(name).map_or(Ok(true), |node| node.boolean());
        let (update, migrate) = (flag("updateHubAssignment"), flag("migrateDeviceData"));
        self.warnings.extend(members.rest().iter().map(|(_, node)| node.mistake(UNKNOWN).to_string()));
        let (update, migrate) = (self.mistakes.note(update)?, self.mistakes.note(migrate)?);
        Some(match (update, migrate) {
            (false, _) => Reprovision::Never,
            (true, true) => Reprovision::Migrate,
            (true, false) => Reprovision::Reset,
        })
    }

    fn policy_name(&mut self, node: Option<&Node<'_>>) -> Option<&'static str> {
        let Some(node) = node else { return Some("hashed") };
        self.one_of(node, &["hashed", "geoLatency", "static", "custom"])
    }

    /// The hubs selected from the `linked` ones; none if no selection is made.
    fn hubs(&mut self, linked: &[Hub]) -> Vec<Hub> {
        let Some(node) = self.copy("iotHubs") else { return Vec::new() };
        let Some(items) = self.mistakes.note(node.items()) else { return Vec::new() };
        let mut selected: Vec<Hub> = Vec::new();
        for item in items {
            let Some(hub) = self.hub(&item, linked) else { continue };
            if selected.contains(&hub) {
                self.mistakes.0.push(item.mistake("this hub is selected twice"));
            } else {
                selected.push(hub);
            }
        }
        selected
    }

    fn hub(&mut self, node: &Node<'_>, linked: &[Hub]) -> Option<Hub> {
        let name = self.mistakes.note(read_host(node))?;
        if linked.is_empty() {
            // That is the mistake to correct.
            return None;
        }
        let hub = linked.iter().find(|hub| hub.name.eq_ignore_ascii_case(&name));
        if hub.is_none() {
            let known: Vec<_> = linked.iter().map(|hub| hub.name.as_str()).collect();
            self.mistakes.0.push(
                node.mistake(format!("{name} is not among the linked hubs, which are {}", known.join(", "))),
            );
        }
        // Under the name that the enrollment gives it.
        hub.map(|hub| Hub { name, weight: hub.weight })
    }

    fn static_hub(&mut self, legacy: Option<&Node<'_>>, selected: &[Hub], linked: &[Hub]) -> Option<String> {
        match (selected, legacy) {
            ([hub], _) => Some(hub.name.clone()),
            ([], Some(node)) => self.hub(node, linked).map(|hub| hub.name),
            _ if linked.is_empty() => None,
            _ => {
                let problem = "the policy \"static\" needs exactly one hub in iotHubs";
                self.mistakes.0.push(self.members.owner().mistake(problem));
                None
            }
        }
    }

    /// The webhook, if there is one, and if it can be called.
    fn webhook(&mut self, policy: Option<&str>) -> Option<Option<Uri>> {
        let name = "customAllocationDefinition";
        let node = self.members.take(name)?;
        if let Some(policy @ ("hashed" | "geoLatency" | "static")) = policy {
            let unused = format!("no webhook is called: the allocationPolicy is {policy}, not custom");
            self.warnings.push(node.mistake(unused).to_string());
        }
        let Some(definition) = definition::read(&node, self.mistakes) else { return Some(None) };
        self.record.insert(name.to_owned(), definition.copy);
        self.warnings.extend(definition.warning);
        Some(Some(definition.webhook))
    }
}

/// Adds an etag that is the same as long as the record is, after the members that come before it.
fn add_etag(record: &mut Map<String, Value>) {
    let etag = stamp::etag_of(&Value::Object(record.clone()).to_string());
    let before = ["provisioningStatus", "reprovisionPolicy", "createdDateTimeUtc"];
    let at = record.keys().position(|name| before.contains(&name.as_str())).unwrap_or(record.len());
    record.shift_insert(at, "etag".to_owned(), Value::String(etag));
}
