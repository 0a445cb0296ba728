//! Reads the record of one enrollment, and writes the copy of it that a webhook is given.
//!
//! The copy has the members in the order in which the service writes them, with the keys left out and
//! the query of the webhook's URL redacted, as the request in Microsoft's tutorial shows:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
//! Unknown members are passed on as they are, with a warning: they may be misspelled.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use symmetric_key::SymmetricKey;

use crate::enrollments::document::Node;
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
    node: Node<'d>,
    /// The copy.
    record: Map<String, Value>,
}

/// Reads the enrollment at `node`. `linked` are the hubs it can select from. The etag and the times of its record are
/// empty where it gives none.
pub(crate) fn read(node: Node<'_>, kind: Kind, linked: &[Hub]) -> Option<Enrollment> {
    let mut reader = Reader { node: node.object()?, record: Map::new() };
    let id = reader.id(kind);
    let rule = "expected 1 to 128 letters, digits and -.%_*?!(),:=@$'+#, as in the id of a hub's device";
    let device_id = if kind == Kind::Individual { reader.copy("deviceId") } else { None };
    let device_id = device_id.and_then(|node| node.string_that(registration_id::is_device_id, rule));
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
    let (policy, place) = reader.choice("allocationPolicy", &["hashed", "geoLatency", "static", "custom"]);
    let selected = reader.hubs(linked);
    let policy = reader.policy(policy, &place, &selected, legacy_hub.as_ref(), linked);
    let mut hubs = if selected.is_empty() { linked.to_vec() } else { selected };
    if matches!(policy, Some(Policy::Hashed | Policy::GeoLatency)) && !hubs.is_empty() {
        hubs.retain(|hub| hub.apply_allocation_policy);
        if hubs.is_empty() {
            reader.node.mistake(
                "no hub can be assigned: applyAllocationPolicy is false for all hubs to choose from",
            );
        }
    }

    let Reader { node, mut record } = reader;
    for (name, node) in node.rest() {
        // What the service knows of the device's registration: part of a record that it has shown.
        if name != "registrationState" {
            node.warning(UNKNOWN);
        }
        record.insert(name, node.value);
    }
    let (id, keys, enabled, policy) = (id?, keys?, status != Some("disabled"), policy?);
    Some(Enrollment { kind, id, keys, enabled, device_id, reprovision, policy, hubs, initial_twin, record })
}

impl<'d> Reader<'d> {
    /// Takes the member `name`, and copies it into the record.
    fn copy(&mut self, name: &str) -> Option<Node<'d>> {
        let node = self.node.take(name)?;
        self.record.insert(name.to_owned(), node.value.clone());
        Some(node)
    }

    /// The string member `name`, empty where there is none.
    fn text(&mut self, name: &str) {
        self.copy(name).and_then(|node| node.string());
        self.record.entry(name).or_insert_with(|| "".into());
    }

    /// The string member `name`, one of `known`, and where it stands; the first of `known` where there is
    /// none. The CLI writes `geolatency` where the REST API has `geoLatency`.
    fn choice(&mut self, name: &str, known: &[&'static str]) -> (Option<&'static str>, Node<'d>) {
        let Some(node) = self.copy(name) else { return (known.first().copied(), self.node.clone()) };
        let chosen = |text: &str| known.iter().find(|choice| choice.eq_ignore_ascii_case(text)).copied();
        let rule = format!("expected one of {}", known.join(", "));
        let text = node.string_that(|text| chosen(text).is_some(), &rule);
        (text.and_then(|text| chosen(&text)), node)
    }

    fn id(&mut self, kind: Kind) -> Option<String> {
        let (name, meaning) = match kind {
            Kind::Group => ("enrollmentGroupId", "the id of the enrollment group"),
            Kind::Individual => ("registrationId", "the registration id of the device"),
        };
        let node = self.node.need(name, meaning)?;
        self.record.insert(name.to_owned(), node.value.clone());
        node.string_that(registration_id::is_id, registration_id::RULE)
    }

    fn keys(&mut self) -> Option<Vec<SymmetricKey>> {
        let example = "{\"type\": \"symmetricKey\", \"symmetricKey\": {\"primaryKey\": \"…\"}}";
        let attestation = symmetric_keys::read(self.node.need("attestation", example)?)?;
        self.record.insert("attestation".to_owned(), attestation.copy);
        Some(attestation.keys)
    }

    fn initial_twin(&mut self) -> Option<Box<RawValue>> {
        let node = self.copy("initialTwin")?;
        let twin = to_raw_value(&node.value).ok()?;
        initial_twin::problems(&twin).into_iter().for_each(|problem| node.mistake(problem));
        Some(twin)
    }

    fn reprovision(&mut self) -> Reprovision {
        let node = self.copy("reprovisionPolicy").and_then(Node::object);
        let Some(mut node) = node else { return Reprovision::Migrate };
        let mut flag = |name| node.take(name).and_then(|node| node.boolean()).unwrap_or(true);
        let (update, migrate) = (flag("updateHubAssignment"), flag("migrateDeviceData"));
        node.rest().iter().for_each(|(_, node)| node.warning(UNKNOWN));
        match (update, migrate) {
            (false, _) => Reprovision::Never,
            (true, true) => Reprovision::Migrate,
            (true, false) => Reprovision::Reset,
        }
    }

    /// The hubs selected from the `linked` ones; none if no selection is made.
    fn hubs(&mut self, linked: &[Hub]) -> Vec<Hub> {
        let mut selected: Vec<Hub> = Vec::new();
        for item in self.copy("iotHubs").and_then(Node::items).unwrap_or_default() {
            let Some(hub) = hub(&item, linked) else { continue };
            if selected.contains(&hub) {
                item.mistake("this hub is selected twice");
            } else {
                selected.push(hub);
            }
        }
        selected
    }

    /// The policy called `name`, at `place`.
    fn policy(
        &mut self,
        name: Option<&str>,
        place: &Node<'_>,
        selected: &[Hub],
        legacy_hub: Option<&Node<'_>>,
        linked: &[Hub],
    ) -> Option<Policy> {
        let definition = self.node.take("customAllocationDefinition");
        if let (Some(node), Some(name @ ("hashed" | "geoLatency" | "static"))) = (&definition, name) {
            node.warning(format!("no webhook is called: the allocationPolicy is {name}, not custom"));
        }
        let defined = definition.is_some();
        let webhook = definition.and_then(custom_allocation::read).map(|(webhook, copy)| {
            self.record.insert("customAllocationDefinition".to_owned(), copy);
            webhook
        });
        match (name?, selected, legacy_hub) {
            ("custom", ..) => {
                if !defined {
                    place.mistake(NO_DEFINITION);
                }
                webhook.map(Policy::Custom)
            }
            ("geoLatency", ..) => Some(Policy::GeoLatency),
            ("static", [hub], _) => Some(Policy::Static(hub.name.clone())),
            ("static", [], Some(node)) => hub(node, linked).map(|hub| Policy::Static(hub.name)),
            ("static", ..) => {
                if !linked.is_empty() {
                    self.node.mistake("the policy \"static\" needs exactly one hub in iotHubs");
                }
                None
            }
            _ => Some(Policy::Hashed),
        }
    }
}

/// The hub at `node`, under the name that it is given there.
fn hub(node: &Node<'_>, linked: &[Hub]) -> Option<Hub> {
    let name = read_host(node)?;
    let hub = linked.iter().find(|hub| hub.name.eq_ignore_ascii_case(&name));
    // That no hub is linked is the mistake to correct.
    if hub.is_none() && !linked.is_empty() {
        let known: Vec<_> = linked.iter().map(|hub| hub.name.as_str()).collect();
        node.mistake(format!("{name} is not among the linked hubs, which are {}", known.join(", ")));
    }
    Some(Hub { name, ..hub?.clone() })
}
