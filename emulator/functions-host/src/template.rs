//! Route templates: `devices/{id:int}/{*rest}`.
//!
//! <https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates>, without default values
//! and without segments that mix text and parameters.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// A route below the prefix, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
    segments: Vec<Segment>,
}

// In the order of precedence: where two routes match, the one with the smaller segments answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Constrained { name: String, constraint: Constraint, optional: bool },
    Any { name: String, optional: bool },
    CatchAll { name: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Constraint {
    Alpha,
    Bool,
    Guid,
    Int,
    Long,
}

/// The route's parameters in their order; `None` for an optional one that the path leaves out.
pub(super) type Parameters = Vec<(String, Option<String>)>;

impl Template {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_matches('/');
        let segments =
            text.split('/').filter(|part| !part.is_empty()).map(segment).collect::<Result<Vec<_>, _>>()?;
        if let Some(nth) = segments.iter().position(|segment| matches!(segment, Segment::CatchAll { .. }))
            && nth + 1 < segments.len()
        {
            return Err("expected a catch-all parameter at the end only".to_owned());
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The template as it was written, without slashes around it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this route answers in preference to `other` where both match.
    pub(super) fn precedes(&self, other: &Self) -> bool {
        self.segments < other.segments
    }

    /// The parameters of `path` (percent-encoded, below the prefix, without slashes around it), if it matches.
    pub(super) fn matches(&self, path: &str) -> Option<Parameters> {
        let mut parts = path.split('/').filter(|_| !path.is_empty());
        let mut parameters = Parameters::new();
        for segment in &self.segments {
            if let Segment::CatchAll { name } = segment {
                let rest = parts.by_ref().map(decode).collect::<Vec<_>>().join("/");
                parameters.push((name.clone(), Some(rest).filter(|rest| !rest.is_empty())));
                break;
            }
            let part = parts.next().map(decode);
            match (segment, part) {
                (Segment::Literal(text), Some(part)) if text.eq_ignore_ascii_case(&part) => {}
                (Segment::Constrained { name, constraint, .. }, Some(part)) if constraint.admits(&part) => {
                    parameters.push((name.clone(), Some(part)));
                }
                (Segment::Any { name, .. }, Some(part)) if !part.is_empty() => {
                    parameters.push((name.clone(), Some(part)));
                }
                (
                    Segment::Any { name, optional: true } | Segment::Constrained { name, optional: true, .. },
                    None,
                ) => parameters.push((name.clone(), None)),
                _ => return None,
            }
        }
        parts.next().is_none().then_some(parameters)
    }
}

impl Constraint {
    fn admits(self, text: &str) -> bool {
        match self {
            Self::Alpha => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Bool => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            Self::Guid => Uuid::try_parse(text).is_ok(),
            Self::Int => text.parse::<i32>().is_ok(),
            Self::Long => text.parse::<i64>().is_ok(),
        }
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return match text.contains(['{', '}']) {
            true => Err(format!("{text:?}: expected text or one parameter between slashes, found both")),
            false => Ok(Segment::Literal(text.to_owned())),
        };
    };
    let (inner, catch_all) = match inner.trim_start_matches('*') {
        name if name.len() < inner.len() => (name, true),
        name => (name, false),
    };
    let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
    let (name, constraint) = inner.split_once(':').map_or((inner, None), |(name, rule)| (name, Some(rule)));
    if name.is_empty() || name.contains(['{', '}', '=', '*', '?']) {
        return Err(format!(
            "{text:?}: expected a parameter such as {{name}}, {{name?}}, {{name:int}} or {{*name}}"
        ));
    }
    let name = name.to_owned();
    let constraint = match constraint.map(str::to_lowercase).as_deref() {
        None => None,
        Some("alpha") => Some(Constraint::Alpha),
        Some("bool") => Some(Constraint::Bool),
        Some("guid") => Some(Constraint::Guid),
        Some("int") => Some(Constraint::Int),
        Some("long") => Some(Constraint::Long),
        Some(_) => {
            return Err(format!("{text:?}: expected one of alpha, bool, guid, int, long after the colon"));
        }
    };
    Ok(match (catch_all, constraint) {
        (true, None) => Segment::CatchAll { name },
        (true, Some(_)) => {
            return Err(format!("{text:?}: expected a catch-all parameter without constraint"));
        }
        (false, Some(constraint)) => Segment::Constrained { name, constraint, optional },
        (false, None) => Segment::Any { name, optional },
    })
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_as_aspnet_matches_them() {
        for (template, path, expected) in [
            ("HttpTrigger1", "httptrigger1", Some("")),
            ("HttpTrigger1", "HttpTrigger1/x", None),
            ("HttpTrigger1", "", None),
            ("devices/{id}", "Devices/a%20b", Some("id=a b")),
            ("devices/{id}", "devices", None),
            ("devices/{id?}", "devices", Some("id")),
            ("devices/{id:int?}", "devices/x", None),
            ("devices/{id:int}/{*rest}", "devices/-4/a/b", Some("id=-4 rest=a/b")),
            ("{*rest}", "", Some("rest")),
            ("a//b", "a/b", Some("")),
        ] {
            let parameters = Template::parse(template).unwrap().matches(path).map(|parameters| {
                let shown = parameters.into_iter().map(|(name, value)| match value {
                    Some(value) => format!("{name}={value}"),
                    None => name,
                });
                shown.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(parameters.as_deref(), expected, "{template} {path}");
        }
    }

    #[test]
    fn invalid_templates_are_refused_with_the_reason() {
        for (template, expected) in [
            ("a{b}", "\"a{b}\": expected text or one parameter between slashes, found both"),
            ("{a:regex}", "\"{a:regex}\": expected one of alpha, bool, guid, int, long after the colon"),
            ("{*a}/b", "expected a catch-all parameter at the end only"),
            ("{}", "\"{}\": expected a parameter such as {name}, {name?}, {name:int} or {*name}"),
        ] {
            assert_eq!(Template::parse(template).unwrap_err(), expected, "{template}");
        }
    }
}
