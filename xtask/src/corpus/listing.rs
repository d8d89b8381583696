//! The audio files of a corpus, for training and for scoring alike.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One audio file.
pub struct Entry {
    pub path: PathBuf,
    /// The file's folder below the corpus folder, whose own name serves for files lying directly in it.
    pub source: String,
}

/// Every audio file below the folders, in path order, without those whose `source/name` contains one of `excluded`.
///
/// # Errors
/// A folder cannot be read.
pub fn list(dirs: &[PathBuf], excluded: &[String]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for dir in dirs {
        let own_name = dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        list_into(dir, None, &own_name, &mut entries)?;
    }
    entries.retain(|entry| {
        let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
        let relative = format!("{}/{name}", entry.source);
        !excluded.iter().any(|part| relative.contains(part.as_str()))
    });
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn list_into(dir: &Path, source: Option<&str>, own_name: &str, entries: &mut Vec<Entry>) -> Result<()> {
    let reading = || format!("cannot read the folder {}", dir.display());
    for item in fs::read_dir(dir).with_context(reading)? {
        let path = item.with_context(reading)?.path();
        if path.is_dir() {
            let folder = path.file_name().unwrap_or_default().to_string_lossy();
            let below = source.map_or_else(|| folder.to_string(), |parent| format!("{parent}/{folder}"));
            list_into(&path, Some(&below), own_name, entries)?;
        } else if is_audio(&path) {
            entries.push(Entry {
                path,
                source: source.unwrap_or(own_name).to_owned(),
            });
        }
    }
    Ok(())
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(extension.as_str(), "flac" | "ogg" | "wav")
}

/// What a file is a recording of, or who speaks in it: its name without the numbers that follow it. `rain_2` and
/// `rain_18b_0` are both `rain`.
pub fn category(path: &Path) -> String {
    let mut name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    while let Some((front, last)) = name.rsplit_once('_')
        && last.contains(|letter: char| letter.is_ascii_digit())
    {
        name = front.to_owned();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_is_the_name_without_numbers() {
        for (file, expected) in [
            ("rain_2.ogg", "rain"),
            ("sea_waves_1187207A_0.ogg", "sea_waves"),
            ("wind1.flac", "wind1"),
            ("running_tap.wav", "running_tap"),
            ("103.flac", "103"),
            ("1263_0.flac", "1263"),
            ("keys_blue_pbt_0.ogg", "keys_blue_pbt"),
        ] {
            assert_eq!(category(Path::new(file)), expected);
        }
    }
}
