//! Route templates: `devices/{id:int}/{*rest}`, as regular expressions.
//!
//! <https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates>, without default values.

use std::fmt::Write as _;

use regex::Regex;

/// A route below the prefix.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    text: String,
    expression: Regex,
    /// The parameters, in the order of the expression's groups.
    parameters: Vec<String>,
    /// A digit for each segment. Of two routes that match, the smaller answers.
    pub(crate) precedence: Vec<u8>,
}

/// The values of a route's parameters, in order; `None` for one that the path leaves out.
pub(crate) type Parameters = Vec<(String, Option<String>)>;

impl Route {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_matches('/');
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        let (mut pattern, mut parameters, mut precedence) = ("(?is)^".to_owned(), Vec::new(), Vec::new());
        for (nth, segment) in segments.iter().enumerate() {
            let whole = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
            let (open, rest) = match whole.trim_start_matches('*') {
                name if name.len() < whole.len() => (Some(".*"), name),
                name if name.ends_with('?') => (None, &name[..name.len() - 1]),
                _ => {
                    let _ = write!(pattern, "/{}", closed(segment, &mut parameters, &mut precedence)?);
                    continue;
                }
            };
            if nth + 1 < segments.len() {
                return Err(format!(
                    "{segment:?}: expected optional and catch-all parameters at the end only"
                ));
            }
            let group = parameter(rest, &mut parameters, &mut precedence)
                .map_err(|error| in_segment(segment, error))?;
            if open.is_some() {
                precedence.pop();
                precedence.push(5);
            }
            let _ = write!(pattern, "(?:/({}))?", open.unwrap_or(group));
        }
        let expression = Regex::new(&(pattern + "$")).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), expression, parameters, precedence })
    }

    /// The template as it was written, without slashes around it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The parameters of `path` (decoded, below the prefix, without slashes around it), if it matches.
    pub(crate) fn matches(&self, path: &str) -> Option<Parameters> {
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        let groups = self.expression.captures(&path)?;
        let values = groups
            .iter()
            .skip(1)
            .map(|group| group.map(|group| group.as_str().to_owned()).filter(|value| !value.is_empty()));
        Some(self.parameters.iter().cloned().zip(values).collect())
    }
}

/// The expression for a segment that must be there: text and parameters in any order.
fn closed(segment: &str, parameters: &mut Vec<String>, precedence: &mut Vec<u8>) -> Result<String, String> {
    let (mut pattern, mut rest) = (String::new(), segment);
    let before = precedence.len();
    while let Some((literal, after)) = rest.split_once('{') {
        let (inner, after) =
            after.split_once('}').ok_or_else(|| in_segment(segment, "expected a } for each {"))?;
        let group = parameter(inner, parameters, precedence).map_err(|error| in_segment(segment, error))?;
        let _ = write!(pattern, "{}({group})", regex::escape(literal));
        rest = after;
    }
    if rest.contains('}') {
        return Err(in_segment(segment, "expected a { for each }"));
    }
    pattern += &regex::escape(rest);
    // Text alone is 1, one parameter 2 or 3, both of them 2.
    if precedence.len() != before + 1 || !segment.starts_with('{') || !rest.is_empty() {
        precedence.truncate(before);
        precedence.push(if pattern.len() == regex::escape(segment).len() { 1 } else { 2 });
    }
    Ok(pattern)
}

/// The expression for a parameter, by what is between its braces.
fn parameter(
    inner: &str,
    parameters: &mut Vec<String>,
    precedence: &mut Vec<u8>,
) -> Result<&'static str, &'static str> {
    let (name, constraint) = inner.split_once(':').map_or((inner, None), |(name, rule)| (name, Some(rule)));
    if name.is_empty() || name.contains(['{', '}', '=', '*', '?']) {
        return Err("expected a parameter such as {name}, {name?}, {name:int} or {*name}");
    }
    parameters.push(name.to_owned());
    precedence.push(if constraint.is_some() { 2 } else { 3 });
    match constraint.map(str::to_lowercase).as_deref() {
        None => Ok("[^/]+"),
        Some("alpha") => Ok("[a-z]+"),
        Some("bool") => Ok("true|false"),
        Some("guid") => Ok("[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        Some("int") => Ok("[+-]?[0-9]{1,10}"),
        Some("long") => Ok("[+-]?[0-9]{1,19}"),
        Some(_) => Err("expected one of alpha, bool, guid, int, long after the colon"),
    }
}

fn in_segment(segment: &str, problem: &str) -> String {
    format!("{segment:?}: {problem}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_match_as_aspnet_matches_them() {
        for (template, path, expected) in [
            ("HttpTrigger1", "httptrigger1", Some("")),
            ("HttpTrigger1", "HttpTrigger1/x", None),
            ("HttpTrigger1", "", None),
            ("devices/{id}", "Devices/a b", Some("id=a b")),
            ("devices/{id}", "devices", None),
            ("devices/{id?}", "devices", Some("id")),
            ("devices/{id:int?}", "devices/x", None),
            ("devices/{id:int}/{*rest}", "devices/-4/a/b", Some("id=-4 rest=a/b")),
            ("v{major}.{minor}-x", "v1.20-X", Some("major=1 minor=20")),
            ("{*rest}", "", Some("rest")),
            ("a//b", "a/b", Some("")),
        ] {
            let parameters = Route::parse(template).unwrap().matches(path).map(|parameters| {
                let shown = parameters
                    .into_iter()
                    .map(|(name, value)| value.map_or(name.clone(), |value| format!("{name}={value}")));
                shown.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(parameters.as_deref(), expected, "{template} {path}");
        }
    }

    #[test]
    fn the_more_specific_route_precedes() {
        let templates = ["a/b", "a/{id:int}", "a/{id}", "a/{*rest}", "{x}/b"];
        let precedences: Vec<_> =
            templates.iter().map(|template| Route::parse(template).unwrap().precedence).collect();
        assert!(precedences.is_sorted(), "{precedences:?}");
    }

    #[test]
    fn invalid_routes_are_refused_with_the_reason() {
        for (template, expected) in [
            ("a{b", "\"a{b\": expected a } for each {"),
            ("{a:regex}", "\"{a:regex}\": expected one of alpha, bool, guid, int, long after the colon"),
            ("{*a}/b", "\"{*a}\": expected optional and catch-all parameters at the end only"),
            ("{}", "\"{}\": expected a parameter such as {name}, {name?}, {name:int} or {*name}"),
        ] {
            assert_eq!(Route::parse(template).unwrap_err(), expected, "{template}");
        }
    }
}
