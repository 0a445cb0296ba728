use std::env;
use std::io;
use std::path::{self, Path, PathBuf};

use functions_host::Executable;

use crate::cli::outcome::Stop;
use crate::contoso::HUB;
use crate::emulator::{Ports, Settings};

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
        if folder.join("host.json").is_file() {
            return Ok(folder);
        }
        Err(Stop::Failed(format!(
            "{}: no host.json here; run this in the folder of the function app, or name it with --app",
            folder.display()
        )))
    }

    /// An emulator that runs the app: on free ports, with the tutorial's hub unless others are given, and with devices
    /// that poll every second.
    pub(super) fn settings(&self, state: PathBuf, hubs: Vec<String>) -> Result<Settings, Stop> {
        Ok(Settings {
            app: self.folder()?,
            executable: self.executable()?,
            state,
            hubs: if hubs.is_empty() { vec![HUB.to_owned()] } else { hubs },
            ports: Ports::default(),
            retry_after: 1,
        })
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

/// `path` made absolute, since the handler is started in another folder.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    let absolute = path::absolute(path);
    absolute.map_err(|error: io::Error| Stop::Usage(format!("{}: {error}", path.display())))
}
