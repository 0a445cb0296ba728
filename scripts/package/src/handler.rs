//! The handler: its name in `host.json`, and whether Azure can run its binary.

use std::error::Error;
use std::path::Path;

use object::elf::{DT_NEEDED, EM_X86_64, FileHeader64, PT_DYNAMIC, PT_INTERP};
use object::endian::LittleEndian;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use serde_json::Value;

/// The executable in `host.json`, exactly so.
///
/// Core Tools sets the executable bit of the one entry whose path in the zip equals the setting, so `./handler` would
/// not start (<https://github.com/Azure/azure-functions-core-tools/issues/4753>).
pub(crate) const NAME: &str = "handler";

/// Refuses an app whose `host.json` names another executable than the one in the package.
pub(crate) fn check_name(host: &Value) -> Result<(), Box<dyn Error>> {
    let named = &host["customHandler"]["description"]["defaultExecutablePath"];
    if named != NAME {
        return Err(format!("host.json: defaultExecutablePath: expected \"{NAME}\", found {named}").into());
    }
    Ok(())
}

/// Refuses a binary that Azure could not start: it must be a static program for x86-64 Linux. Which C library the host's
/// image has is not documented.
pub(crate) fn check_binary(path: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("cannot read {}: {error} (scripts/build.sh builds it)", path.display()))?;
    let refuse = |found: &str| {
        format!(
            "{}: expected a static x86-64 Linux program, as scripts/build.sh builds it, found {found}",
            path.display()
        )
    };

    let header = FileHeader64::<LittleEndian>::parse(&*bytes)
        .map_err(|_| refuse("a file that is not a 64-bit ELF program"))?;
    let endian = header.endian().map_err(|_| refuse("a big-endian program"))?;
    if header.e_machine.get(endian) != EM_X86_64 {
        return Err(refuse("a program for another processor").into());
    }
    let segments = header.program_headers(endian, &*bytes).map_err(|_| refuse("invalid program headers"))?;
    if segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        return Err(refuse("a program that needs a dynamic loader").into());
    }
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_DYNAMIC) {
        let entries = segment.dynamic(endian, &*bytes).map_err(|_| refuse("an invalid dynamic section"))?;
        if entries.into_iter().flatten().any(|entry| entry.tag32(endian) == Some(DT_NEEDED)) {
            return Err(refuse("a program that needs shared libraries").into());
        }
    }
    Ok(())
}
