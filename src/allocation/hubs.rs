//! Choosing among the linked hubs: by name, by a part of the name, the current one, spread.
//!
//! Host names are compared as the internet does, without regard to the case of A to Z.

use crate::webhook::{AllocationRequest, Hub, Malformed};

/// Whether the hub with this host name is the one called `name`: the short name, such as `contoso-a`, or the
/// host name in full, such as `contoso-a.azure-devices.net`.
#[must_use]
pub fn is_named(host_name: &str, name: &str) -> bool {
    let short_name = host_name.split_once('.').map_or(host_name, |(short_name, _)| short_name);
    host_name.eq_ignore_ascii_case(name) || short_name.eq_ignore_ascii_case(name)
}

/// The first hub with this name, short or in full; see [`is_named`].
#[must_use]
pub fn named<'a>(hubs: &[Hub<'a>], name: &str) -> Option<Hub<'a>> {
    hubs.iter().find(|hub| is_named(hub, name)).cloned()
}

/// The first hub whose host name contains `part`.
#[must_use]
pub fn containing<'a>(hubs: &[Hub<'a>], part: &str) -> Option<Hub<'a>> {
    let part = part.to_ascii_lowercase();
    hubs.iter().find(|hub| hub.to_ascii_lowercase().contains(&part)).cloned()
}

/// The hub that the device is assigned to now, if it is assigned and the hub is among `hubs`.
///
/// # Errors
///
/// [`Malformed`] when `deviceRuntimeContext.currentIotHubHostName` is not a string.
pub fn current<'a>(hubs: &[Hub<'a>], request: &AllocationRequest<'_>) -> Result<Option<Hub<'a>>, Malformed> {
    let current = request.device_runtime_context.current_iot_hub_host_name()?;
    Ok(current.and_then(|current| hubs.iter().find(|hub| hub.eq_ignore_ascii_case(&current)).cloned()))
}

/// The hub that [`spread`](super::spread::spread) chooses, each hub with its weight, by its host name; `|_| 1.0` for
/// equal shares.
#[must_use]
pub fn spread<'a>(hubs: &[Hub<'a>], weight: impl Fn(&str) -> f64, registration_id: &str) -> Option<Hub<'a>> {
    let names: Vec<&str> = hubs.iter().map(|hub| &**hub).collect();
    let chosen = super::spread::spread(
        &names,
        |hub| names.get(hub).map_or(0.0, |name| weight(name)),
        registration_id,
    )?;
    hubs.get(chosen).cloned()
}
