//! How the handler is started: its executable, arguments, folder and environment.
//!
//! Rules: `HttpWorkerOptionsSetup.cs` and `HttpWorkerProcess.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use uuid::Uuid;

use super::app::AppError;
use super::configuration::Configuration;
use super::options::Executable;

/// How the handler is started.
#[derive(Debug)]
pub(super) struct Launch {
    /// A file, or a name to look for on `PATH`.
    pub executable: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    app: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Launch {
    /// Reads `customHandler.description` for the app in `app`, of which the handler is the `executable`.
    pub(super) fn read(
        host: &Configuration,
        app: &Path,
        environment: BTreeMap<String, String>,
        executable: &Executable,
    ) -> Result<Self, AppError> {
        const DESCRIPTION: &str = "customHandler.description";
        const EXECUTABLE: &str = "customHandler.description.defaultExecutablePath";
        if !host.has(DESCRIPTION) && !matches!(executable, Executable::This(_)) {
            let place = if host.has("httpWorker") { "httpWorker" } else { "customHandler.description" };
            return Err(
                host.mistake(place, "expected the description of a handler: customHandler.description")
            );
        }
        let text = |name: &str| host.text(&format!("{DESCRIPTION}.{name}"));

        let path: PathBuf = match (executable, host.text(EXECUTABLE)?) {
            (Executable::This(path), _) => path.clone(),
            (_, Some(text)) => expand(text, &environment, |variable| format!("%{variable}%")).into(),
            (_, None) => return Err(host.mistake(EXECUTABLE, "expected the handler's executable")),
        };
        let mut files = vec![app.join(text("workerDirectory")?.unwrap_or("")).join(&path)];
        if let Executable::NamedOrIn(folder) = executable
            && path.file_name() == Some(path.as_os_str())
        {
            files.push(folder.join(&path));
        }
        let mut line: Vec<String> =
            host.list(&format!("{DESCRIPTION}.arguments")).into_iter().map(String::from).collect();
        line.extend(text("defaultWorkerPath")?.map(|path| format!("\"{path}\"")));
        line.extend(host.list(&format!("{DESCRIPTION}.workerArguments")).into_iter().map(String::from));
        let line = expand(&line.join(" "), &environment, |_| String::new());

        let folder = app.join(text("workingDirectory")?.unwrap_or(""));
        if !folder.is_dir() {
            let problem = format!("expected an existing folder, found none at {}", folder.display());
            return Err(host.mistake("customHandler.description.workingDirectory", &problem));
        }

        Ok(Self {
            executable: files.into_iter().find(|file| file.is_file()).unwrap_or(path),
            arguments: split(&line),
            folder,
            app: app.to_owned(),
            environment,
        })
    }

    /// The command that starts a handler which shall listen on `port`, for a host that callers know as
    /// `host_name` (`localhost:7071`).
    pub(super) fn command(&self, port: u16, host_name: &str) -> Command {
        let id = Uuid::new_v4().to_string();
        let port = port.to_string();
        let mut command = Command::new(&self.executable);
        // What Core Tools adds, unless it is set.
        command
            .env("FUNCTIONS_CORETOOLS_ENVIRONMENT", "true")
            .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
            .env("WEBSITE_HOSTNAME", host_name)
            .env("AzureWebJobsScriptRoot", &self.app);
        command
            .envs(&self.environment)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
            .env("FUNCTIONS_HTTPWORKER_ID", &id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.app)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: the stand-in handles Ctrl-C, and what the handler started ends with the handler.
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// `text` with each `%NAME%` replaced from `environment`, or by what `otherwise` makes of the name.
fn expand(text: &str, environment: &BTreeMap<String, String>, otherwise: impl Fn(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        match after.split_once('%') {
            Some((name, after)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
                expanded.push_str(&environment.get(name).cloned().unwrap_or_else(|| otherwise(name)));
                rest = after;
            }
            _ => {
                expanded.push('%');
                rest = after;
            }
        }
    }
    expanded + rest
}

/// A command line split as .NET does on Unix: at blanks, outside of double quotes; `\"` is a quote.
fn split(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut argument: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'"') => {
                characters.next();
                argument.get_or_insert_default().push('"');
            }
            '"' => {
                quoted = !quoted;
                argument.get_or_insert_default();
            }
            ' ' | '\t' if !quoted => arguments.extend(argument.take()),
            other => argument.get_or_insert_default().push(other),
        }
    }
    arguments.extend(argument);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_apart_as_dotnet_does() {
        assert_eq!(split(r#"--a  b "c d" e"f g"h \"i\" "" "#), ["--a", "b", "c d", "ef gh", "\"i\"", ""]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn variables_are_expanded() {
        let environment = BTreeMap::from([("HOME".to_owned(), "/h".to_owned())]);
        let keep = |name: &str| format!("%{name}%");
        assert_eq!(expand("%HOME%/x %NO% 100% %", &environment, keep), "/h/x %NO% 100% %");
        assert_eq!(expand("%HOME%/x %NO%.", &environment, |_| String::new()), "/h/x .");
    }
}
