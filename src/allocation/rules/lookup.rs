//! The look-ups that a rules file names, as written: what is asked is the business of each kind.

use super::language::Expression;
use super::place::Place;
use super::template::Template;
use super::text::Text;

/// A look-up: what is asked before the rules, and the name of what it finds.
#[derive(Debug)]
pub struct Lookup {
    /// The name by which rules read what was found.
    pub name: String,
    /// Where the file names it.
    pub place: Place,
    /// What is asked.
    pub spec: LookupSpec,
}

/// What a look-up asks.
#[derive(Debug)]
pub enum LookupSpec {
    /// `{ file: devices.csv, key: registrationId }`: a CSV or JSON file in the app.
    File {
        /// The file's path, relative to the rules file.
        file: Text,
        /// The column, or member, that holds registration ids.
        key: Text,
    },
    /// `{ input: device }`: an input binding of the app.
    Input {
        /// The binding's name in `function.json`.
        binding: Text,
    },
    /// `{ http: "https://…/${registrationId}", audience: …, header: { … } }`: a service of the user's own.
    Http {
        /// The address asked. What `${…}` puts into it is percent-encoded, but for a `${settings.…}` that it
        /// begins with.
        url: Template,
        /// For whom the managed identity's token is; no token when absent.
        audience: Option<Template>,
        /// Headers, by name, and the app settings that hold their values.
        headers: Vec<(Text, Text)>,
    },
    /// `{ sql: "select … where id = $1", parameters: [registrationId], url: … }`: PostgreSQL.
    Sql {
        /// The query.
        query: Text,
        /// The values of `$1`, `$2` and so on.
        parameters: Vec<Expression>,
        /// The app setting that holds the database's URL.
        url: Text,
    },
}

// === impl LookupSpec ===

impl LookupSpec {
    /// The app settings that it names. They hold secrets and are no settings of the policy.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let (url, headers) = match self {
            Self::Sql { url, .. } => (Some(url), &[][..]),
            Self::Http { headers, .. } => (None, headers.as_slice()),
            Self::File { .. } | Self::Input { .. } => (None, &[][..]),
        };
        url.into_iter().chain(headers.iter().map(|(_, setting)| setting)).map(|setting| &**setting)
    }

    /// The expressions whose values it is asked with: those in an address, or a query's parameters.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Http { url, .. } => url.expressions().collect(),
            Self::Sql { parameters, .. } => parameters.iter().collect(),
            Self::File { .. } | Self::Input { .. } => Vec::new(),
        }
    }

    /// The cargo feature that reads this kind of look-up.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Input { .. } => "input",
            Self::Http { .. } => "http",
            Self::Sql { .. } => "sql",
        }
    }
}
