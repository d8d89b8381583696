//! A model file chosen by the user: read with care, because its path comes from a saved session.

use std::fs::File;
use std::io::Read;

use crate::model::Model;
use crate::model_file;

/// Largest file that is read; real models are far below a megabyte.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A user's model and what the user should know of it.
pub struct UserModel {
    pub model: Model,
    /// One sentence for the panel; empty when there is nothing to say.
    pub remark: String,
}

/// Reads and validates the model at `path`; does blocking file work.
///
/// # Errors
/// One sentence for the panel that names the file and what is wrong with it.
pub fn load(path: &str) -> Result<UserModel, String> {
    let name = file_name(path);
    let with_name = |reason: String| format!("{name}: {reason}; the shipped model is used instead.");

    let bytes = read(path).map_err(with_name)?;
    let model = model_file::from_bytes(&bytes)
        .map_err(|error| with_name(error.to_string().trim_end_matches('.').to_owned()))?;
    // The layers parameter cannot go further: hosts store its range.
    let (layers, most) = (model.layers(), model_file::shipped().layers());
    let remark = if layers > most {
        format!("{name}: of its {layers} layers only the first {most} are used.")
    } else {
        String::new()
    };
    Ok(UserModel { model, remark })
}

/// The part of a path that a user knows it by. A session may come from another system, so both slashes count.
pub fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
}

/// Reads a file that a user named, unless it is none or far too large; does blocking file work.
///
/// # Errors
/// Why not, as part of a sentence.
pub fn read(path: &str) -> Result<Vec<u8>, String> {
    // Asked before opening: opening a pipe or a device could wait for ever.
    let metadata = std::fs::metadata(path).map_err(|error| format!("the file cannot be read ({error})"))?;
    if !metadata.is_file() {
        return Err("this is not a file".to_owned());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!(
            "the file is far too large ({} MB)",
            metadata.len() / (1024 * 1024)
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(|error| format!("the file cannot be read ({error})"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shipped model with `more` further layers, written to a file, loaded, and the file removed.
    fn load_with_more_layers(more: usize) -> UserModel {
        let mut model = Model::clone(&model_file::shipped());
        model.config.layers += more;
        let last = model.readouts[model.readouts.len() - 1].clone();
        model.readouts.resize(model.config.readouts(), last);
        let bytes = model_file::to_bytes(&model).expect("a valid model");
        let file = format!("unfold-user-model-{more}-{}.unfold", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, bytes).expect("the file is written");
        let loaded = load(&path.to_string_lossy());
        std::fs::remove_file(&path).expect("the file is removed");
        loaded.unwrap_or_else(|sentence| panic!("{sentence}"))
    }

    #[test]
    fn layers_that_cannot_run_are_told() {
        let shipped = model_file::shipped().layers();
        assert_eq!(load_with_more_layers(0).remark, "");
        let deeper = load_with_more_layers(2);
        assert_eq!(deeper.model.layers(), shipped + 2);
        let told = format!(": of its {} layers only the first {shipped} are used.", shipped + 2);
        assert!(deeper.remark.ends_with(&told), "{}", deeper.remark);
    }
}
