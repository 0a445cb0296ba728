//! The app's rules file, if it has one, and the files that its look-ups name.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The rules file of an app, in its folder.
const FILE: &str = "allocation.yaml";

/// What matters of a rules file; `handler check` judges the rest.
#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    lookups: BTreeMap<String, Lookup>,
    #[serde(flatten)]
    _more: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Lookup {
    file: Option<String>,
    #[serde(flatten)]
    _more: BTreeMap<String, IgnoredAny>,
}

/// The paths, in the zip, of the app's rules file and of every file that it names; none without a rules file.
///
/// A file outside the app is refused, because there is no place for it in the zip.
pub(crate) fn of(app: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let path = app.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let rules: Rules = serde_saphyr::from_str(&text)
        .map_err(|error| format!("{FILE} cannot be read ('handler check' says more): {error}"))?;
    let mut files = vec![FILE.to_owned()];
    for (name, file) in rules.lookups.into_iter().filter_map(|(name, lookup)| Some((name, lookup.file?))) {
        let inside = Path::new(&file)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(format!(
                "{FILE}: the look-up {name} expects a file in the app's folder, found {file:?}"
            )
            .into());
        }
        let parts = Path::new(&file).components().filter(|part| matches!(part, Component::Normal(_)));
        files.push(parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"));
    }
    Ok(files)
}
