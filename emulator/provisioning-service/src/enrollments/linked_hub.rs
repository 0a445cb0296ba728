//! The hubs linked to the instance.

use crate::enrollments::document::Node;

/// A hub to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hub {
    /// Its host name.
    pub(crate) name: String,
    /// `allocationWeight`, 1 to 1000: its share under the policies `hashed` and `geoLatency`.
    pub(crate) weight: u32,
    /// `applyAllocationPolicy`: whether these policies assign devices to it.
    /// <https://learn.microsoft.com/azure/iot-dps/how-to-manage-linked-iot-hubs>
    pub(crate) apply_allocation_policy: bool,
}

/// Reads the list at `node`. A hub is written as its host name, or as `az iot dps linked-hub list` shows it.
pub(crate) fn read(node: Node<'_>) -> Vec<Hub> {
    let mut hubs: Vec<Hub> = Vec::new();
    if node.value.as_array().is_some_and(Vec::is_empty) {
        node.mistake("expected at least one hub");
    }
    for item in node.items().unwrap_or_default() {
        let Some(hub) = read_hub(item.clone()) else { continue };
        if hubs.iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&hub.name)) {
            item.mistake("this hub is linked twice");
        } else {
            hubs.push(hub);
        }
    }
    hubs
}

/// Reads the host name of a hub.
pub(crate) fn read_host(node: &Node<'_>) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_host = |name: &str| !name.is_empty() && name.len() <= 253 && name.bytes().all(good);
    node.string_that(is_host, "expected a hub's host name, such as \"contoso-hub.azure-devices.net\"")
}

fn read_hub(mut node: Node<'_>) -> Option<Hub> {
    if node.value.is_string() {
        return Some(Hub { name: read_host(&node)?, weight: 1, apply_allocation_policy: true });
    }
    node = node.object()?;
    let name = node.need("name", "the hub's host name").and_then(|node| read_host(&node));
    let weight = node.take("allocationWeight").map_or(Some(1), |node| {
        let weight = node.number()?;
        if !(1..=1000).contains(&weight) {
            node.mistake("expected a weight of 1 to 1000");
        }
        Some(weight)
    });
    let apply = node.take("applyAllocationPolicy").map_or(Some(true), |node| node.boolean());
    for (name, node) in node.rest() {
        // The connection string has a key, masked or not. Nothing connects to a hub.
        if !["connectionString", "location"].contains(&&*name) {
            node.warning("unknown member of a hub; it has no effect here");
        }
    }
    Some(Hub { name: name?, weight: weight?, apply_allocation_policy: apply? })
}
