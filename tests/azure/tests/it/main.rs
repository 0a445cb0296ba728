//! The Azure scripts, run as users run them, against stand-ins for `az`, `func` and `curl`; and the files of the
//! repository that only Azure, an editor or a hosted build reads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot continue should say where")]

/// A place to run a script in: stand-ins on the PATH and a model of Azure.
mod world;

/// One run, and what must hold for every run: no key is printed.
mod run;

/// Options, the settings file and `--dry-run`: what all scripts share.
mod settings;

/// The function's name and address, which come from the app.
mod function;

/// deploy.sh: from nothing to a function that answers.
mod deploy;

/// create-dps.sh: hubs, the provisioning service, and their links.
mod create_dps;

/// enroll.sh: the key, the webhook and the enrollment group.
mod enroll;

/// rotate-key.sh: a new key, while there is a valid one at all times.
mod rotate_key;

/// register-device.sh: what the tutorial's device prints.
mod register_device;

/// derive-key.sh: keys offline, against published vectors.
mod derive_key;

/// logs.sh: the tutorial's log, from Application Insights.
mod logs;

/// cleanup.sh: what the scripts created, and nothing else.
mod cleanup;

/// Every script killed at every call, before and after its effect, then run again.
mod interrupted;

/// The stand-in for az: it must refuse what az refuses.
mod stand_in;

/// Scripts, workflows, editor files and queries, with the checkers of the tools that read them.
mod checked;

/// `.funcignore` under Core Tools' rules and gitignore's.
mod funcignore;
