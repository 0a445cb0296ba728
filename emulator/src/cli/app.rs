use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use functions_host::Executable;

use crate::cli::outcome::Stop;
use crate::cli::value::absolute_path;
use crate::contoso::HUB;
use crate::emulator::Settings;

/// Which function app to run.
#[derive(Debug, clap::Args)]
pub(super) struct App {
    /// Folder of the function app: the one with host.json in it
    #[arg(long, value_name = "FOLDER", default_value = ".", value_parser = absolute_path())]
    app: PathBuf,

    /// Executable to run as the custom handler [default: the one that host.json names, in the app's folder, or
    /// beside this program, or on PATH]
    #[arg(long, value_name = "FILE", value_parser = absolute_path())]
    handler: Option<PathBuf>,

    /// Fill the input binding NAME of a function with the row of a CSV file whose first column is the key in
    /// function.json, such as the registration id; may be given several times
    #[arg(long = "input", value_name = "NAME=FILE.csv", value_parser = input)]
    inputs: Vec<(String, PathBuf)>,
}

impl App {
    /// The app's folder.
    pub(super) fn folder(&self) -> Result<PathBuf, Stop> {
        if self.app.join("host.json").is_file() {
            return Ok(self.app.clone());
        }
        Err(Stop::Failed(format!(
            "{}: no host.json here; run this in the folder of the function app, or name it with --app",
            self.app.display()
        )))
    }

    /// An emulator that runs the app: on free ports, with the tutorial's hub unless others are given, and with devices
    /// that poll every second.
    pub(super) fn settings(&self, state: &Path, hubs: Vec<String>) -> Result<Settings, Stop> {
        Ok(Settings {
            app: self.folder()?,
            executable: self.executable(),
            inputs: self.inputs(),
            state: state.to_owned(),
            hubs: if hubs.is_empty() { vec![HUB.to_owned()] } else { hubs },
            functions_port: 0,
            mqtt_port: 0,
            https_ports: vec![0],
            retry_after: 1,
        })
    }

    /// The CSV files that fill input bindings, by the binding's name.
    pub(super) fn inputs(&self) -> BTreeMap<String, PathBuf> {
        self.inputs.iter().cloned().collect()
    }

    /// Which executable is run as the custom handler.
    pub(super) fn executable(&self) -> Executable {
        let beside = || env::current_exe().ok()?.parent().map(Path::to_owned);
        match &self.handler {
            Some(given) => Executable::This(given.clone()),
            None => beside().map_or(Executable::Named, Executable::NamedOrIn),
        }
    }
}

fn input(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE.csv, such as device=devices.csv")?;
    Ok((name.to_owned(), file.into()))
}
