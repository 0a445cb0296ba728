//! Route templates: `devices/{id:int}/{*rest}`, as regular expressions.
//! <https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates>, without default values.

use regex::{Regex, escape};

/// A parameter in a template: stars, name, constraint, question mark.
const PARAMETER: &str = r"\{(\**)([^{}:?*=]+)(?::(\w+))?(\?)?\}";

#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The template, without needless slashes.
    pub(crate) text: String,
    expression: Regex,
    /// The parameters, in the order of the expression's groups.
    parameters: Vec<String>,
    /// A digit for each segment. Of two routes that match, the smaller answers.
    pub(crate) precedence: Vec<u8>,
}

/// The values of a route's parameters, in order; `None` for one that the path leaves out.
pub(crate) type Parameters = Vec<(String, Option<String>)>;

impl Route {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parameter = Regex::new(PARAMETER).map_err(|error| error.to_string())?;
        let text = text.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
        let (mut pattern, mut parameters, mut precedence) = ("(?is)^".to_owned(), Vec::new(), Vec::new());
        let mut is_open = false;
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            let mistake = |problem: &str| Err(format!("{segment:?}: {problem}"));
            if is_open {
                return mistake("expected optional and catch-all parameters at the end only");
            }
            if parameter.replace_all(segment, "").contains(['{', '}']) {
                return mistake(
                    "expected text and parameters such as {name}, {name?}, {name:int} or {*name}",
                );
            }
            let (mut group, mut end, mut kind) = ("/".to_owned(), 0, 1);
            for found in parameter.captures_iter(segment) {
                let whole = found.get_match();
                let values = match found.get(3).map(|rule| rule.as_str().to_lowercase()).as_deref() {
                    None if found[1].is_empty() => "[^/]+",
                    None => ".*",
                    Some("alpha") => "[a-z]+",
                    Some("bool") => "true|false",
                    Some("guid") => "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                    Some("int") => "[+-]?[0-9]{1,10}",
                    Some("long") => "[+-]?[0-9]{1,19}",
                    Some(_) => {
                        return mistake("expected one of alpha, bool, guid, int, long after the colon");
                    }
                };
                group += &format!("{}({values})", escape(&segment[end..whole.start()]));
                end = whole.end();
                is_open |= !found[1].is_empty() || found.get(4).is_some();
                kind = match values {
                    ".*" => 5,
                    "[^/]+" if whole.as_str() == segment => 3,
                    _ => 2,
                };
                parameters.push(found[2].to_owned());
            }
            group += &escape(&segment[end..]);
            pattern += &if is_open { format!("(?:{group})?") } else { group };
            precedence.push(kind);
        }
        let expression = Regex::new(&(pattern + "$")).map_err(|error| error.to_string())?;
        Ok(Self { text, expression, parameters, precedence })
    }

    /// The parameters of `path` (decoded, below the prefix, without slashes around it), if it matches.
    pub(crate) fn matches(&self, path: &str) -> Option<Parameters> {
        if self.parameters.is_empty() {
            return path.eq_ignore_ascii_case(&self.text).then(Parameters::new);
        }
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        let groups = self.expression.captures(&path)?;
        let values = groups.iter().skip(1).map(|group| Some(group?.as_str().to_owned()));
        let values = values.map(|value| value.filter(|value| !value.is_empty()));
        Some(self.parameters.iter().cloned().zip(values).collect())
    }
}
