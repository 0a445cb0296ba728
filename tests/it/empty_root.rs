//! The static handler on an image that has nothing of the machine it was built on: no libraries, no name service.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::app_folder::AppFolder;
use crate::envelope::{self, TOASTER};
use crate::process::Handler;
use crate::service::{Service, answer};

/// Builds the handler with the flags of `scripts/build.sh`, but not optimised.
fn static_handler() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static");
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--quiet", "--package", "dps-custom-allocation", "--bin", "handler"])
        .args(["--features", "sql", "--target", "x86_64-unknown-linux-gnu", "--target-dir"])
        .arg(&target)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            "-Ctarget-feature=+crt-static\u{1f}-Crelocation-model=static\u{1f}--cfg=getrandom_backend=\"linux_getrandom\"",
        )
        .output()
        .expect("there is cargo");
    assert!(output.status.success(), "{output:?}");
    target.join("x86_64-unknown-linux-gnu/debug/handler")
}

/// A command in the folder `root` as its root: as root by chroot, as anybody else in a user namespace.
fn in_root(root: &Path) -> Command {
    let mut command;
    if nix::unistd::Uid::effective().is_root() {
        command = Command::new("chroot");
        command.arg(root);
    } else {
        command = Command::new("unshare");
        command.args(["--map-root-user", "--root"]).arg(root);
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_is_resolved_in_an_empty_root() {
    let service = Service::start(|_| {
        answer("200 OK", &json!({ "hub": "contoso-toasters-hub-1098.azure-devices.net" }).to_string())
    })
    .await;
    let rules = format!(
        "lookups:\n  device: {{ http: \"http://registry.contoso.example:{}/${{registrationId}}\" }}\n\
         rules:\n  - hub: device.hub\n",
        service.address.port()
    );
    let root = AppFolder::with(&[
        ("allocation.yaml", &rules),
        ("etc/hosts", "127.0.0.1 localhost registry.contoso.example\n"),
        ("etc/resolv.conf", "nameserver 127.0.0.1\n"),
    ]);
    let path = root.path().to_owned();
    let log = tokio::task::spawn_blocking(move || {
        std::fs::copy(static_handler(), path.join("handler")).unwrap();
        let mut command = in_root(&path);
        command.arg("/handler").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", "0").env("FUNCTIONS_APP_ROOT_PATH", "/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let handler = Handler::spawn(&mut command);
        envelope::call(handler.address, &envelope::of(TOASTER)).log
    })
    .await
    .unwrap();
    assert!(log[3].ends_with("): found"), "{:?}", &log[3..]);
}
