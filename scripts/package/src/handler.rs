//! The handler's binary, and what must be true of it before it may be shipped.

use std::error::Error;
use std::path::Path;

use object::elf::{DT_NEEDED, EM_X86_64, FileHeader64, PT_DYNAMIC, PT_INTERP};
use object::endian::LittleEndian;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};

/// What `host.json` must call the executable: exactly this, without a folder.
///
/// Core Tools gives the executable bit to the one entry whose path in the zip equals the setting to the letter, so
/// `./handler` would not start (<https://github.com/Azure/azure-functions-core-tools/issues/4753>).
pub(crate) const NAME: &str = "handler";

/// Refuses an app whose `host.json` names another executable than the one in the package.
pub(crate) fn check_name(app: &Path) -> Result<(), Box<dyn Error>> {
    let path = app.join("host.json");
    let text = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let host: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))?;
    let named = &host["customHandler"]["description"]["defaultExecutablePath"];
    if named != NAME {
        return Err(
            format!("host.json names the executable {named}; the package has it as \"{NAME}\"").into()
        );
    }
    Ok(())
}

/// Refuses a binary that Azure could not start: it must be a program for 64-bit x86 Linux that needs no library, for
/// which C library the host's image has is written down nowhere.
pub(crate) fn check_binary(path: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("cannot read {}: {error} (scripts/build.sh makes it)", path.display()))?;
    let refuse = |what: &str| format!("{} {what}; scripts/build.sh makes one that does", path.display());

    let header = FileHeader64::<LittleEndian>::parse(&*bytes)
        .map_err(|_| refuse("is no 64-bit ELF program; wanted a static one for x86-64 Linux"))?;
    let endian = header.endian().map_err(|_| refuse("is not little-endian; wanted x86-64 Linux"))?;
    if header.e_machine.get(endian) != EM_X86_64 {
        return Err(
            refuse("is for another processor; wanted x86-64, the only one of Flex Consumption").into()
        );
    }
    let segments =
        header.program_headers(endian, &*bytes).map_err(|_| refuse("has broken program headers"))?;
    if segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        return Err(refuse("asks for a dynamic loader; wanted a static program").into());
    }
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_DYNAMIC) {
        let entries = segment.dynamic(endian, &*bytes).map_err(|_| refuse("has a broken dynamic section"))?;
        if entries.into_iter().flatten().any(|entry| entry.tag32(endian) == Some(DT_NEEDED)) {
            return Err(refuse("needs shared libraries; wanted a static program").into());
        }
    }
    Ok(())
}
