//! A learnt noise as a file of the user's: paths are typed in the panel, so they may name anything.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use crate::model::Config;
use crate::noise_profile::NoiseProfile;
use crate::user_model::{file_name, read};

/// Reads the profile at `path` for a model; does blocking file work.
///
/// # Errors
/// One sentence for the panel that names the file and what is wrong with it.
pub fn load(path: &str, config: &Config) -> Result<NoiseProfile, String> {
    let with_name = |reason: String| format!("{}: {reason}", file_name(path));
    let bytes = read(path).map_err(with_name)?;
    let profile = NoiseProfile::from_bytes(&bytes).map_err(|error| with_name(error.to_string()))?;
    profile.check(config).map_err(|error| with_name(error.to_string()))?;
    Ok(profile)
}

/// Writes a new file at `path`, never over another; does blocking file work.
///
/// # Errors
/// One sentence for the panel that names the file and what went wrong.
pub fn save(path: &str, profile: &NoiseProfile) -> Result<(), String> {
    let with_name = |reason: String| format!("{}: {reason}", file_name(path));
    let bytes = profile.to_bytes().map_err(|error| with_name(error.to_string()))?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| {
        with_name(match error.kind() {
            ErrorKind::AlreadyExists => "there is such a file already; choose another name".to_owned(),
            _ => format!("the file cannot be written ({error})"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_file;

    #[test]
    fn a_profile_survives_its_file_and_is_never_written_over_another() {
        let config = model_file::shipped().config.clone();
        let hops: Vec<f32> = (0..60 * config.bands())
            .map(|i| 0.01 + 0.001 * (i % 7) as f32)
            .collect();
        let profile = NoiseProfile::learn(&config, &hops).expect("a noise");
        let file = format!("unfold-noise-{}.unfold-noise", std::process::id());
        let path = std::env::temp_dir().join(&file).to_string_lossy().into_owned();
        save(&path, &profile).expect("a new file");
        assert_eq!(load(&path, &config), Ok(profile.clone()));
        let again = save(&path, &profile);
        std::fs::write(&path, "something else").expect("the file is changed");
        let other = load(&path, &config);
        std::fs::remove_file(&path).expect("the file is removed");
        assert_eq!(
            again,
            Err(format!("{file}: there is such a file already; choose another name"))
        );
        assert_eq!(other, Err(format!("{file}: this is not an Unfold noise profile")));
        assert!(load(&path, &config).is_err_and(|sentence| sentence.starts_with(&file)));
    }
}
