//! Files that appear whole or not at all: written beside the target, then renamed over it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A temporary file in the folder of `target`; [`NamedTempFile::persist`] puts it in its place.
///
/// # Errors
/// The folder is missing or not writable.
pub fn beside(target: &Path) -> std::io::Result<NamedTempFile> {
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfold-").suffix(".part");
    // A temporary file is private by default; the result should be an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Replaces `target` by a file of these bytes.
///
/// # Errors
/// The folder is missing or not writable; the target is then as it was.
pub fn write(target: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", target.display());
    let mut file = beside(target).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.persist(target).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
