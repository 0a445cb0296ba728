use std::env;
use std::io;
use std::path::{self, Path, PathBuf};

use super::Stop;

/// The name of the executable in this function app's `host.json`.
const HANDLER: &str = if cfg!(windows) { "handler.exe" } else { "handler" };

/// Which function app to run.
#[derive(Debug, clap::Args)]
pub(super) struct App {
    /// Folder of the function app: the one with host.json in it
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    app: PathBuf,

    /// Executable to run as the custom handler [default: the one that host.json names or, where that is not
    /// built, one named `handler` beside this program]
    #[arg(long, value_name = "FILE")]
    handler: Option<PathBuf>,
}

impl App {
    /// The app's folder.
    pub(super) fn folder(&self) -> Result<PathBuf, Stop> {
        let folder = absolute(&self.app)?;
        match folder.join("host.json").is_file() {
            true => Ok(folder),
            false => Err(Stop::Failed(format!(
                "{} holds no host.json; run this in the folder of the function app, or name it with --app",
                folder.display()
            ))),
        }
    }

    /// The executable to run instead of the one that `host.json` names.
    pub(super) fn handler(&self) -> Result<Option<PathBuf>, Stop> {
        if let Some(given) = &self.handler {
            return absolute(given).map(Some);
        }
        let built_into_app = self.app.join(HANDLER).is_file();
        let beside = env::current_exe().ok().map(|program| program.with_file_name(HANDLER));
        Ok(beside.filter(|file| !built_into_app && file.is_file()))
    }
}

/// `path` as an absolute one, so that nothing depends on the folder a handler is started in.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    let absolute = path::absolute(path);
    absolute.map_err(|error: io::Error| Stop::Usage(format!("{}: {error}", path.display())))
}
