//! How the app's handler is started: `customHandler.description` of host.json.
//! Rules: `HttpWorkerOptionsSetup.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http/Configuration>.

use std::env;
use std::path::PathBuf;

use journal::Journal;
use regex::{Captures, Regex};

use crate::app::file::AppError;
use crate::app::host_json::HostJson;
use crate::app::settings::Settings;
use crate::options::Executable;

const DESCRIPTION: &str = "customHandler.description";
const EXECUTABLE: &str = "customHandler.description.defaultExecutablePath";

#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) app: PathBuf,
    pub(crate) settings: Settings,
    /// The port it listens on, where host.json pins one.
    pub(crate) port: Option<u16>,
    /// Whether a line on its stderr is an error unless it says otherwise.
    pub(crate) stderr_is_errors: bool,
}

impl Handler {
    /// An executable that is found elsewhere than in the app's folder is named in the `journal`.
    pub(crate) fn read(host: HostJson, named: &Executable, journal: &Journal) -> Result<Self, AppError> {
        const PORT: &str = "customHandler.port";
        if !host.has(DESCRIPTION) && !matches!(named, Executable::This(_)) {
            let place = if host.has("httpWorker") { "httpWorker" } else { DESCRIPTION };
            let problem = "expected the description of a handler: customHandler.description";
            return Err(host.mistake(place, problem));
        }
        let text = |name: &str| host.text(&format!("{DESCRIPTION}.{name}"));
        let mut line: Vec<String> = host.list("customHandler.description.arguments").collect();
        line.extend(text("defaultWorkerPath")?.map(|path| format!("\"{path}\"")));
        line.extend(host.list("customHandler.description.workerArguments"));
        let folder = host.root.join(text("workingDirectory")?.unwrap_or(""));
        if !folder.is_dir() {
            let problem = format!("expected an existing folder, found none at {}", folder.display());
            return Err(host.mistake("customHandler.description.workingDirectory", &problem));
        }
        let port = host.text(PORT)?.map(str::parse).transpose();
        Ok(Self {
            executable: find(&host, named, journal)?,
            arguments: split(&expand(&line.join(" "), &host.settings, |_| "")),
            folder,
            port: port.map_err(|_| host.mistake(PORT, "expected a port, 1 to 65535"))?,
            stderr_is_errors: host.flag("customHandler.description.useStdErrorStreamForErrorsOnly", true)?,
            app: host.root,
            settings: host.settings,
        })
    }
}

/// The file that is run. `workingDirectory` plays no part in finding it, as in the real host.
fn find(host: &HostJson, named: &Executable, journal: &Journal) -> Result<PathBuf, AppError> {
    let HostJson { root, settings, .. } = host;
    let path = match (named, host.text(EXECUTABLE)?) {
        (Executable::This(path), _) => path.clone(),
        (_, Some(text)) => PathBuf::from(expand(text, settings, |whole| whole)),
        (_, None) => return Err(host.mistake(EXECUTABLE, "expected the handler's executable")),
    };
    let in_app = root.join(host.text("customHandler.description.workerDirectory")?.unwrap_or("")).join(&path);
    if in_app.is_file() {
        return Ok(in_app);
    }
    let mut missing = format!("expected an executable file, found none at {}", in_app.display());
    if path.file_name() == Some(path.as_os_str()) {
        if let Executable::NamedOrIn(folder) = named {
            let built = folder.join(&path);
            if built.is_file() {
                journal.warn(format!("the app has no {}; running {}", in_app.display(), built.display()));
                return Ok(built);
            }
            missing += &format!(", at {}", built.display());
        }
        let mut folders = settings.get("PATH").into_iter().flat_map(env::split_paths);
        if let Some(command) =
            folders.find_map(|folder| Some(folder.join(&path)).filter(|file| file.is_file()))
        {
            journal.info(format!("running {}, found on PATH", command.display()));
            return Ok(command);
        }
        missing += " or on PATH";
    }
    match named {
        Executable::This(_) => Err(AppError::new(&path, "", missing)),
        _ => Err(host.mistake(EXECUTABLE, &missing)),
    }
}

/// `text` with each `%NAME%` replaced by that setting, or by what `otherwise` makes of the whole of it.
fn expand(text: &str, settings: &Settings, otherwise: impl for<'a> Fn(&'a str) -> &'a str) -> String {
    let Ok(variable) = Regex::new(r"%([^%\s]+)%") else { return text.to_owned() };
    let value = |found: &Captures<'_>| {
        settings.get(&found[1]).cloned().unwrap_or_else(|| otherwise(&found[0]).to_owned())
    };
    variable.replace_all(text, value).into_owned()
}

/// A command line split as .NET does on Unix: at blanks, outside of double quotes; `\"` is a quote.
fn split(line: &str) -> Vec<String> {
    let argument = Regex::new(r#"(?:\\"|"(?:\\"|[^"])*"?|[^ \t"])+"#);
    let (Ok(argument), Ok(quote)) = (argument, Regex::new(r#"(\\?)""#)) else { return Vec::new() };
    let unquoted = |found: &Captures<'_>| if found[1].is_empty() { "" } else { "\"" };
    argument.find_iter(line).map(|found| quote.replace_all(found.as_str(), unquoted).into_owned()).collect()
}
