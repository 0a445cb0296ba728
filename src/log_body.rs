//! How much of an allocation request is shown in the log: devices put what they like into a payload, tokens too.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::Value;

/// What the log shows of a request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogBody {
    /// All of it, as the sample does.
    #[default]
    Full,
    /// All but the device's payload.
    WithoutPayload,
    /// None of it.
    None,
}

/// What [`LogBody`] is called in its setting.
pub const NAMES: [(&str, LogBody); 3] =
    [("full", LogBody::Full), ("without-payload", LogBody::WithoutPayload), ("none", LogBody::None)];

// === impl LogBody ===

impl LogBody {
    /// What the log shows in place of `body`; `None` for the body itself.
    #[must_use]
    pub fn instead_of(self, body: &str) -> Option<Cow<'static, str>> {
        match self {
            Self::Full => None,
            Self::WithoutPayload => {
                Some(without_payload(body).map_or("(not shown: invalid JSON)".into(), Cow::Owned))
            }
            Self::None => Some(format!("(not shown: {} bytes)", body.len()).into()),
        }
    }

    /// Whether answers and the log may quote what was sent.
    #[must_use]
    pub fn may_quote(self) -> bool {
        self == Self::Full
    }
}

impl FromStr for LogBody {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        NAMES.into_iter().find(|(name, _)| *name == text).map(|(_, value)| value).ok_or(())
    }
}

/// `body` without the value of its payload. By way of [`Value`], so that a second member of the name does not stay.
fn without_payload(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body.strip_prefix('\u{feff}').unwrap_or(body)).ok()?;
    let device = body.as_object_mut()?.get_mut("deviceRuntimeContext").and_then(Value::as_object_mut);
    if let Some(payload) = device.and_then(|device| device.get_mut("payload"))
        && !payload.is_null()
    {
        *payload = "(not shown)".into();
    }
    Some(body.to_string())
}
