//! Reads the record of one enrollment, and writes the copy of it that a webhook is given.
//!
//! The copy has the members in the order in which the service writes them, with the keys left out and
//! the query of the webhook's URL redacted, as the request in Microsoft's tutorial shows:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
//! Unknown members are passed on as they are, with a warning: they may be misspelled.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use symmetric_key::SymmetricKey;

use crate::enrollments::document::{Members, Node};
use crate::enrollments::enrollment::{Enrollment, Kind, Policy, Reprovision};
use crate::enrollments::linked_hub::{Hub, read_host};
use crate::enrollments::{custom_allocation, initial_twin, symmetric_keys};
use crate::registration_id;

/// The service's words for a custom policy without a webhook:
/// <https://github.com/MicrosoftDocs/azure-docs/issues/17690>.
const NO_DEFINITION: &str =
    "400004: A CustomAllocationDefinition is required when the allocation policy is set to 'Custom'";

/// Of a member that the REST API does not have.
const UNKNOWN: &str = "unknown member: it has no effect here, and is sent to webhooks as it is";

struct Reader<'d> {
    members: Members<'d>,
    /// The copy.
    record: Map<String, Value>,
}

/// Reads the enrollment at `node`. `linked` are the hubs it can select from. The etag and the times of its record are
/// empty where it gives none.
pub(crate) fn read(node: &Node<'_>, kind: Kind, linked: &[Hub]) -> Option<Enrollment> {
    let mut reader = Reader { members: node.members()?, record: Map::new() };
    let id = reader.id(kind);
    let device_id = if kind == Kind::Individual { reader.device_id() } else { None };
    let keys = reader.keys();
    reader.copy("optionalDeviceInformation");
    reader.copy("capabilities");
    let legacy_hub = reader.copy("iotHubHostName");
    let initial_twin = reader.initial_twin();
    reader.text("etag");
    let (status, _) = reader.choice("provisioningStatus", &["enabled", "disabled"]);
    reader.record.entry("provisioningStatus").or_insert_with(|| "enabled".into());
    let reprovision = reader.reprovision();
    reader.text("createdDateTimeUtc");
    reader.text("lastUpdatedDateTimeUtc");
    let (policy, policy_node) =
        reader.choice("allocationPolicy", &["hashed", "geoLatency", "static", "custom"]);
    let selected = reader.hubs(linked);
    let policy = reader.policy(policy, &policy_node, &selected, legacy_hub.as_ref(), linked);
    let mut hubs = if selected.is_empty() { linked.to_vec() } else { selected };
    if matches!(policy, Some(Policy::Hashed | Policy::GeoLatency)) && !hubs.is_empty() {
        hubs.retain(|hub| hub.apply_allocation_policy);
        if hubs.is_empty() {
            node.mistake(
                "no hub can be assigned: applyAllocationPolicy is false for all hubs to choose from",
            );
        }
    }

    let Reader { members, mut record } = reader;
    for (name, node) in members.rest() {
        // What the service knows of the device's registration: part of a record that it has shown.
        if name != "registrationState" {
            node.warning(UNKNOWN);
        }
        record.insert(name.to_owned(), node.value());
    }
    Some(Enrollment {
        kind,
        id: id?,
        keys: keys?,
        enabled: status != Some("disabled"),
        device_id,
        reprovision,
        policy: policy?,
        hubs,
        initial_twin,
        record,
    })
}

// === impl Reader ===

impl<'d> Reader<'d> {
    /// Takes the member `name`, and copies it into the record.
    fn copy(&mut self, name: &str) -> Option<Node<'d>> {
        let node = self.members.take(name)?;
        self.record.insert(name.to_owned(), node.value());
        Some(node)
    }

    /// The string member `name`, empty where there is none.
    fn text(&mut self, name: &str) {
        if let Some(node) = self.copy(name) {
            node.string();
        }
        self.record.entry(name).or_insert_with(|| "".into());
    }

    /// The string member `name`, one of `known`, and where it stands; the first of `known` where there is
    /// none. The CLI writes `geolatency` where the REST API has `geoLatency`.
    fn choice(&mut self, name: &str, known: &[&'static str]) -> (Option<&'static str>, Node<'d>) {
        let Some(node) = self.copy(name) else {
            return (known.first().copied(), self.members.owner().clone());
        };
        let chosen = |text: &str| known.iter().find(|choice| choice.eq_ignore_ascii_case(text)).copied();
        let rule = format!("expected one of {}", known.join(", "));
        let text = node.string_that(|text| chosen(text).is_some(), &rule);
        (text.and_then(chosen), node)
    }

    fn id(&mut self, kind: Kind) -> Option<String> {
        let (name, meaning) = match kind {
            Kind::Group => ("enrollmentGroupId", "the id of the enrollment group"),
            Kind::Individual => ("registrationId", "the registration id of the device"),
        };
        let node = self.members.need(name, meaning)?;
        self.record.insert(name.to_owned(), node.value());
        node.string_that(registration_id::is_id, registration_id::RULE).map(str::to_owned)
    }

    fn device_id(&mut self) -> Option<String> {
        let rule = "expected 1 to 128 letters, digits and -.%_*?!(),:=@$'+#, as in the id of a hub's device";
        self.copy("deviceId")?.string_that(registration_id::is_device_id, rule).map(str::to_owned)
    }

    fn keys(&mut self) -> Option<Vec<SymmetricKey>> {
        let example = "{\"type\": \"symmetricKey\", \"symmetricKey\": {\"primaryKey\": \"…\"}}";
        let attestation = symmetric_keys::read(&self.members.need("attestation", example)?)?;
        self.record.insert("attestation".to_owned(), attestation.copy);
        Some(attestation.keys)
    }

    fn initial_twin(&mut self) -> Option<Box<RawValue>> {
        let node = self.copy("initialTwin")?;
        let twin = to_raw_value(self.record.get("initialTwin")?).ok()?;
        for problem in initial_twin::problems(&twin) {
            node.mistake(problem);
        }
        Some(twin)
    }

    fn reprovision(&mut self) -> Reprovision {
        let members = self.copy("reprovisionPolicy").and_then(|node| node.members());
        let Some(mut members) = members else { return Reprovision::Migrate };
        let mut flag = |name| members.take(name).and_then(|node| node.boolean()).unwrap_or(true);
        let (update, migrate) = (flag("updateHubAssignment"), flag("migrateDeviceData"));
        for (_, node) in members.rest() {
            node.warning(UNKNOWN);
        }
        match (update, migrate) {
            (false, _) => Reprovision::Never,
            (true, true) => Reprovision::Migrate,
            (true, false) => Reprovision::Reset,
        }
    }

    /// The hubs selected from the `linked` ones; none if no selection is made.
    fn hubs(&mut self, linked: &[Hub]) -> Vec<Hub> {
        let items = self.copy("iotHubs").and_then(|node| node.items());
        let mut selected: Vec<Hub> = Vec::new();
        for item in items.unwrap_or_default() {
            let Some(hub) = hub(&item, linked) else { continue };
            if selected.contains(&hub) {
                item.mistake("this hub is selected twice");
            } else {
                selected.push(hub);
            }
        }
        selected
    }

    fn policy(
        &mut self,
        name: Option<&str>,
        place: &Node<'_>,
        selected: &[Hub],
        legacy_hub: Option<&Node<'_>>,
        linked: &[Hub],
    ) -> Option<Policy> {
        let node = self.members.take("customAllocationDefinition");
        let definition = node.as_ref().and_then(custom_allocation::read);
        let webhook = definition.map(|definition| {
            self.record.insert("customAllocationDefinition".to_owned(), definition.copy);
            definition.webhook
        });
        if let (Some(node), Some(name @ ("hashed" | "geoLatency" | "static"))) = (&node, name) {
            node.warning(format!("no webhook is called: the allocationPolicy is {name}, not custom"));
        }
        match name? {
            "custom" if node.is_none() => {
                place.mistake(NO_DEFINITION);
                None
            }
            "custom" => webhook.map(Policy::Custom),
            "geoLatency" => Some(Policy::GeoLatency),
            "static" => {
                let hub = match (selected, legacy_hub) {
                    ([hub], _) => hub.clone(),
                    ([], Some(node)) => hub(node, linked)?,
                    _ if linked.is_empty() => return None,
                    _ => {
                        let owner = self.members.owner();
                        owner.mistake("the policy \"static\" needs exactly one hub in iotHubs");
                        return None;
                    }
                };
                Some(Policy::Static(hub.name))
            }
            _ => Some(Policy::Hashed),
        }
    }
}

/// The hub at `node`, under the name that it is given there.
fn hub(node: &Node<'_>, linked: &[Hub]) -> Option<Hub> {
    let name = read_host(node)?;
    if linked.is_empty() {
        // That is the mistake to correct.
        return None;
    }
    let Some(hub) = linked.iter().find(|hub| hub.name.eq_ignore_ascii_case(&name)) else {
        let known: Vec<_> = linked.iter().map(|hub| hub.name.as_str()).collect();
        node.mistake(format!("{name} is not among the linked hubs, which are {}", known.join(", ")));
        return None;
    };
    Some(Hub { name, ..hub.clone() })
}
