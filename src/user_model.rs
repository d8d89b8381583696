//! A model file chosen by the user: read with care, because its path comes from a saved session.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::model::Model;
use crate::model_file;

/// Largest file that is read; real models are far below a megabyte.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Reads and validates the model at `path`; does blocking file work.
///
/// # Errors
/// One sentence for the panel that names the file and what is wrong with it.
pub fn load(path: &str) -> Result<Model, String> {
    let name = Path::new(path)
        .file_name()
        .map_or_else(|| path.into(), |name| name.to_string_lossy());
    let with_name = |reason: String| format!("{name}: {reason}; the shipped model is used instead.");

    let bytes = read(path).map_err(with_name)?;
    model_file::from_bytes(&bytes).map_err(|error| with_name(error.to_string().trim_end_matches('.').to_owned()))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    // Asked before opening: opening a pipe or a device could wait for ever.
    let metadata = std::fs::metadata(path).map_err(|error| format!("the file cannot be read ({error})"))?;
    if !metadata.is_file() {
        return Err("this is not a file".to_owned());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!(
            "the file is too large for a model ({} MB)",
            metadata.len() / (1024 * 1024)
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(|error| format!("the file cannot be read ({error})"))?;
    Ok(bytes)
}
