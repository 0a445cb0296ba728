//! What `az` accepts: the command-line tables, and a call checked against them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, error};

/// A call that `az` would accept.
pub(crate) struct Call {
    /// `iot dps create`
    pub(crate) command: String,
    flags: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Tables {
    commands: BTreeMap<String, Command>,
}

#[derive(Deserialize)]
struct Command {
    flags: BTreeMap<String, Flag>,
    #[serde(default)]
    deprecated: Option<Value>,
}

#[derive(Deserialize, Default)]
struct Flag {
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    nargs: Value,
    #[serde(default)]
    takes_value: Option<bool>,
    #[serde(default)]
    deprecated: Option<Value>,
}

// === impl Call ===

impl Call {
    /// Parses az's arguments, or gives az's refusal: exit code 2 and one sentence.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Answer> {
        let commands = tables();
        let words = arguments.iter().take_while(|argument| !argument.starts_with('-')).count();
        let name = arguments[..words].join(" ");
        let Some(command) = commands.get(&name) else {
            return Err(error(2, format!("'{name}' is misspelled or not recognized by the system.")));
        };
        if let Some(deprecated) = &command.deprecated {
            return Err(error(2, format!("the stand-in refuses '{name}': it is deprecated ({deprecated})")));
        }
        let flags = parse_flags(&name, command, &arguments[words..])?;
        let missing: Vec<_> = command
            .flags
            .iter()
            .filter(|(name, flag)| flag.required && !flags.contains_key(*name))
            .map(|(name, flag)| {
                std::iter::once(name).chain(&flag.aliases).map(String::as_str).collect::<Vec<_>>().join("/")
            })
            .collect();
        if !missing.is_empty() {
            return Err(error(2, format!("the following arguments are required: {}", missing.join(", "))));
        }
        Ok(Self { command: name, flags })
    }

    /// The values of a flag, by the flag's first name; none if it was not given.
    pub(crate) fn values(&self, flag: &str) -> &[String] {
        self.flags.get(flag).map_or(&[], Vec::as_slice)
    }

    /// The first value of a flag.
    pub(crate) fn value(&self, flag: &str) -> Option<&str> {
        self.values(flag).first().map(String::as_str)
    }

    /// The value of a flag that the model requires.
    pub(crate) fn need(&self, flag: &str) -> Result<&str, Answer> {
        self.value(flag).ok_or_else(|| error(2, format!("the stand-in needs {flag} for '{}'", self.command)))
    }
}

fn parse_flags(
    name: &str,
    command: &Command,
    arguments: &[String],
) -> Result<BTreeMap<String, Vec<String>>, Answer> {
    let mut flags = BTreeMap::new();
    let mut rest = arguments;
    while let Some((first, after)) = rest.split_first() {
        let (given, inline) = match first.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (first.as_str(), None),
        };
        let Some((canonical, flag)) = find(command, given) else {
            return Err(error(2, format!("unrecognized arguments: {}", rest.join(" "))));
        };
        if let Some(deprecated) = &flag.deprecated {
            // Either the flag is deprecated or one of its names.
            let by_name = deprecated.get(given).is_some();
            if by_name || deprecated.get("hide").is_some() {
                return Err(error(
                    2,
                    format!("the stand-in refuses {given}: it is deprecated ({deprecated})"),
                ));
            }
        }
        let count = after.iter().take_while(|argument| !argument.starts_with('-')).count();
        let (least, most) = flag.count();
        let mut values: Vec<String> = inline.into_iter().collect();
        let taken = if values.is_empty() { count.min(most) } else { 0 };
        values.extend_from_slice(&after[..taken]);
        if values.len() < least {
            return Err(error(2, format!("argument {given}: expected {least} argument(s)")));
        }
        for value in &values {
            if !flag.choices.is_empty()
                && !flag.choices.iter().any(|choice| choice.eq_ignore_ascii_case(value))
            {
                let allowed = flag.choices.join(", ");
                return Err(error(
                    2,
                    format!(
                        "az {name}: '{value}' is not a valid value for '{given}'. Allowed values: {allowed}."
                    ),
                ));
            }
        }
        if flags.insert(canonical.clone(), values).is_some() {
            return Err(error(2, format!("the stand-in refuses {given} twice")));
        }
        rest = &after[taken..];
    }
    Ok(flags)
}

// === impl Flag ===

impl Flag {
    /// The smallest and largest number of values.
    fn count(&self) -> (usize, usize) {
        if self.takes_value == Some(false) {
            return (0, 0);
        }
        match &self.nargs {
            Value::String(nargs) if nargs == "+" => (1, usize::MAX),
            Value::String(nargs) if nargs == "*" => (0, usize::MAX),
            Value::String(nargs) if nargs == "?" => (0, 1),
            Value::Number(nargs) if nargs.as_u64() == Some(0) => (0, 0),
            _ => (1, 1),
        }
    }
}

fn find(command: &Command, given: &str) -> Option<(String, Flag)> {
    let listed = command
        .flags
        .iter()
        .find(|(name, flag)| *name == given || flag.aliases.iter().any(|alias| alias == given));
    if let Some((name, flag)) = listed {
        let flag = Flag {
            aliases: flag.aliases.clone(),
            choices: flag.choices.clone(),
            required: flag.required,
            nargs: flag.nargs.clone(),
            takes_value: flag.takes_value,
            deprecated: flag.deprecated.clone(),
        };
        return Some((name.clone(), flag));
    }
    // Flags that every command has.
    let flag = match given {
        "--output" | "-o" => Flag {
            choices: ["json", "jsonc", "none", "table", "tsv", "yaml", "yamlc"].map(str::to_owned).into(),
            ..Flag::default()
        },
        "--query" => Flag::default(),
        "--only-show-errors" => Flag { takes_value: Some(false), ..Flag::default() },
        _ => return None,
    };
    Some((if given == "-o" { "--output" } else { given }.to_owned(), flag))
}

fn tables() -> BTreeMap<String, Command> {
    let mut commands = BTreeMap::new();
    for text in [include_str!("../data/az-commands.json"), include_str!("../data/az-commands-more.json")] {
        let tables: Tables = serde_json::from_str(text).expect("the tables are valid");
        commands.extend(tables.commands);
    }
    commands
}
