use provisioning_service::registration_id::{RULE, is_id};

/// A value parser for clap: `text` as it is, if it is a registration id.
pub(super) fn parse(text: &str) -> Result<String, &'static str> {
    if is_id(text) { Ok(text.to_owned()) } else { Err(RULE) }
}
