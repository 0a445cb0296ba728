use std::env;
use std::io;
use std::path::{self, Path, PathBuf};

use super::Stop;
use functions_host::Executable;

/// Which function app to run.
#[derive(Debug, clap::Args)]
pub(super) struct App {
    /// Folder of the function app: the one with host.json in it
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    app: PathBuf,

    /// Executable to run as the custom handler [default: the one that host.json names, in the app's folder, or
    /// beside this program, or on PATH]
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
                "{}: no host.json here; run this in the folder of the function app, or name it with --app",
                folder.display()
            ))),
        }
    }

    /// Which executable is run as the custom handler.
    pub(super) fn executable(&self) -> Result<Executable, Stop> {
        if let Some(given) = &self.handler {
            return absolute(given).map(Executable::This);
        }
        let beside = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
        Ok(beside.map_or(Executable::Named, Executable::NamedOrIn))
    }
}

/// `path` as an absolute one, so that nothing depends on the folder a handler is started in.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    let absolute = path::absolute(path);
    absolute.map_err(|error: io::Error| Stop::Usage(format!("{}: {error}", path.display())))
}
