//! The policy of a rules file: the rules compiled, and their look-ups made ready.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt, fs};

use super::{ServedPolicy, Unset};
use crate::allocation::rules::{self, LookupSpec, Place, Rules, Template};
use crate::allocation::{PREFIX, policy_settings};
use crate::app::App;
use crate::lookups::{Failure, Finding, Lookup, Lookups, Question};
use crate::mistakes::Mistakes;

/// A rules file, read.
#[derive(Debug)]
pub struct RulesFile {
    /// The policy, with its look-ups.
    pub policy: ServedPolicy,
    /// What the app has to ship: the rules file, and the files that it names.
    pub ships: Vec<PathBuf>,
    /// The app settings that its look-ups name.
    pub needs: Vec<String>,
}

/// Builds look-ups from their descriptions.
struct LookupBuilder<'a> {
    /// The folder of the rules file, to which paths in it are relative.
    folder: &'a Path,
    app: &'a App,
    #[cfg(any(feature = "http", feature = "sql"))]
    network: Option<Result<crate::lookups::Network, String>>,
}

// === impl RulesFile ===

impl RulesFile {
    /// Reads the rules file at `path`, whose look-ups have `timeout` together for each decision; `app` has the input
    /// bindings that they may name, and `unset` says what a missing app setting is.
    ///
    /// # Errors
    ///
    /// All [`Mistakes`] in the file and in those that it names, each with its line and column.
    pub fn load(path: &Path, app: &App, timeout: Duration, unset: Unset) -> Result<Self, Mistakes> {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        let text = fs::read(path)
            .map_err(|error| Mistakes::from(format!("Cannot read {}: {error}", path.display())))?;
        let text =
            String::from_utf8(text).map_err(|_| Mistakes::from(format!("{name} is not valid UTF-8")))?;
        let mut mistakes = Mistakes::default();
        let rules = match Rules::parse(&text) {
            Ok(rules) => rules,
            Err(found) => {
                found.iter().for_each(|mistake| mistakes.add(format!("{name}:{mistake}")));
                return Err(mistakes);
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut builder = LookupBuilder::new(folder, app);
        let mut lookups = Lookups::new(timeout);
        let mut ships = vec![path.to_owned()];
        for rules::Lookup { name: lookup, place, spec } in rules.lookups() {
            match builder.build(*place, spec) {
                Ok(made) => lookups.add(lookup, made),
                Err(NotBuilt::Unset(missing)) if unset == Unset::FailsLater => {
                    lookups.add(lookup, Box::new(missing))
                }
                Err(NotBuilt::Unset(missing)) => mistakes.add(format!("{name}:{}: {missing}", missing.place)),
                Err(NotBuilt::Mistakes(found)) => {
                    found
                        .into_iter()
                        .for_each(|(place, words)| mistakes.add(format!("{name}:{place}: {words}")));
                }
            }
            if let LookupSpec::File { file, .. } = spec {
                ships.push(folder.join(&**file));
            }
        }
        ships.dedup();
        let withheld: Vec<&str> = rules.lookups().iter().flat_map(|lookup| lookup.spec.settings()).collect();
        let settings = policy_settings(env::vars_os(), &withheld);
        let needs = withheld.iter().map(|&name| name.to_owned()).collect();
        let policy = ServedPolicy::new(rules).with_lookups(lookups).with_settings(settings);
        mistakes.or(Self { policy, ships, needs })
    }
}

/// Why a look-up could not be built.
enum NotBuilt {
    Mistakes(Vec<(Place, String)>),
    Unset(UnsetSetting),
}

/// An app setting that a look-up names and that is not set.
#[derive(Debug)]
struct UnsetSetting {
    name: String,
    place: Place,
}

// === impl LookupBuilder ===

type Built = Result<Box<dyn Lookup>, NotBuilt>;

impl<'a> LookupBuilder<'a> {
    fn new(folder: &'a Path, app: &'a App) -> Self {
        Self {
            folder,
            app,
            #[cfg(any(feature = "http", feature = "sql"))]
            network: None,
        }
    }

    fn build(&mut self, place: Place, spec: &LookupSpec) -> Built {
        match spec {
            #[cfg(feature = "file")]
            LookupSpec::File { file, key } => {
                match crate::lookups::File::read(&self.folder.join(&**file), key) {
                    Ok(made) => Ok(Box::new(made)),
                    Err(mistakes) => {
                        let mistakes = mistakes.into_iter().map(|mistake| (file.place, mistake.to_string()));
                        Err(NotBuilt::Mistakes(mistakes.collect()))
                    }
                }
            }
            #[cfg(feature = "input")]
            LookupSpec::Input { binding } => {
                if self.app.has_input(binding) {
                    return Ok(Box::new(crate::lookups::Input::new(&**binding)));
                }
                let words = format!("no function.json has an input binding named {:?}", &**binding);
                Err(NotBuilt::at(binding.place, words))
            }
            #[cfg(feature = "http")]
            LookupSpec::Http { url, audience, headers } => self.http(place, url, audience.as_ref(), headers),
            #[cfg(feature = "sql")]
            LookupSpec::Sql { query, parameters, url } => {
                let network = self.network(place)?;
                let address = setting(url)?;
                let made = crate::lookups::Sql::new(url, &address, query, parameters.len(), network);
                made.map(|made| Box::new(made) as Box<dyn Lookup>)
                    .map_err(|mistake| NotBuilt::at(place, mistake))
            }
            #[allow(unreachable_patterns, reason = "there are none when all kinds are built in")]
            other => {
                let kind = other.kind();
                Err(NotBuilt::at(place, format!("this handler was built without the cargo feature `{kind}`")))
            }
        }
    }

    #[cfg(feature = "http")]
    fn http(
        &mut self,
        place: Place,
        url: &Template,
        audience: Option<&Template>,
        headers: &[(rules::Text, rules::Text)],
    ) -> Built {
        use crate::lookups::{Client, Credential, Http, Identity, SecretHeader};

        let client = Client::new(self.network(place)?);
        let credential = match (audience, headers) {
            (None, []) => Credential::None,
            (Some(audience), []) => {
                let fixed = "http: expected an audience without ${…}";
                let audience = audience.fixed().ok_or_else(|| NotBuilt::at(place, fixed))?;
                Credential::Identity(Identity::new(audience, |name| env::var(name), client.clone()))
            }
            (None, [(name, value)]) => {
                let header = SecretHeader::new(name, &setting(value)?);
                Credential::Header(header.map_err(|mistake| NotBuilt::at(name.place, mistake))?)
            }
            _ => return Err(NotBuilt::at(place, "http: expected an audience or one header")),
        };
        let base = |name: &str| env::var(format!("{PREFIX}{name}")).unwrap_or_default();
        let made = Http::new(url.literals(base), credential, client);
        let made = made.map_err(|mistake| NotBuilt::at(place, mistake))?;
        Ok(Box::new(made))
    }

    /// The network, made once, when the first look-up needs it.
    #[cfg(any(feature = "http", feature = "sql"))]
    fn network(&mut self, place: Place) -> Result<&crate::lookups::Network, NotBuilt> {
        let network = self.network.get_or_insert_with(|| {
            crate::lookups::Network::new(|name| env::var(name)).map_err(|mistake| mistake.to_string())
        });
        network.as_ref().map_err(|words| NotBuilt::at(place, words))
    }
}

/// The value of the app setting that `name` names.
#[cfg(any(feature = "http", feature = "sql"))]
fn setting(name: &rules::Text) -> Result<String, NotBuilt> {
    match env::var(&**name) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        _ => Err(NotBuilt::Unset(UnsetSetting { name: name.to_string(), place: name.place })),
    }
}

// === impl NotBuilt ===

impl NotBuilt {
    fn at(place: Place, words: impl ToString) -> Self {
        Self::Mistakes(vec![(place, words.to_string())])
    }
}

// === impl UnsetSetting ===

impl Lookup for UnsetSetting {
    fn subject(&self) -> String {
        "not asked".to_owned()
    }

    fn find<'a>(&'a self, _: &'a Question<'a>) -> Finding<'a> {
        Box::pin(std::future::ready(Err(Failure::new(self.to_string()))))
    }
}

impl fmt::Display for UnsetSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the app setting {} is not set", self.name)
    }
}
