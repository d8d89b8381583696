//! Pairs as files: WAVs beside a `manifest.csv` with the columns `noisy,clean,noise_type,snr_db` and, optionally,
//! `score_rate_hz`. Paths are relative to the manifest.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::mixing::is_audible;
use super::{Pair, SAMPLE_RATE_HZ, score_rate_hz};
use crate::atomic_file;
use crate::audio_file::{self, Audio, AudioFileError, SampleFormat};
use crate::resample::resample;

const MANIFEST_NAME: &str = "manifest.csv";

#[derive(Serialize, Deserialize)]
struct Row {
    noisy: String,
    clean: String,
    noise_type: String,
    snr_db: f64,
    #[serde(default)]
    score_rate_hz: Option<u32>,
}

/// Reads the pairs that the manifest lists; several channels are averaged, other rates converted to 48 kHz.
///
/// # Errors
/// The manifest or one of its files cannot be read, the two files of a row differ in rate or length, or the clean
/// one is silent.
pub fn read_manifest(path: &Path) -> Result<Vec<Pair>> {
    let reading = || format!("cannot read the manifest {}", path.display());
    let rows: Vec<Row> = csv::Reader::from_path(path)
        .with_context(reading)?
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(reading)?;
    ensure!(!rows.is_empty(), "the manifest {} lists no pair", path.display());
    let folder = path.parent().unwrap_or(Path::new(""));
    rows.par_iter().map(|row| read_row(row, folder)).collect()
}

fn read_row(row: &Row, folder: &Path) -> Result<Pair> {
    let (noisy, clean) = (
        audio_file::read(&folder.join(&row.noisy))?,
        audio_file::read(&folder.join(&row.clean))?,
    );
    let rate_hz = clean.sample_rate_hz;
    ensure!(
        noisy.sample_rate_hz == rate_hz && noisy.len_samples() == clean.len_samples(),
        "{} and {} differ in sample rate or length",
        row.noisy,
        row.clean
    );
    let at_48_khz = |audio: &Audio| resample(&audio.to_mono(), rate_hz, SAMPLE_RATE_HZ);
    let (noisy, clean) = (at_48_khz(&noisy)?, at_48_khz(&clean)?);
    ensure!(is_audible(&clean), "{} is silent", row.clean);
    Ok(Pair {
        noise_type: row.noise_type.clone(),
        snr_db: row.snr_db,
        score_rate_hz: row.score_rate_hz.unwrap_or_else(|| score_rate_hz(rate_hz)),
        noisy,
        clean,
        earlier_noise: Vec::new(),
    })
}

/// Writes every pair as two float WAVs at 48 kHz, and the manifest that lists them, into `folder`.
///
/// # Errors
/// The folder holds a manifest already, or it or a file cannot be written.
pub fn write_pairs(folder: &Path, pairs: &[Pair]) -> Result<()> {
    let path = folder.join(MANIFEST_NAME);
    ensure!(
        !path.exists(),
        "{} exists already; choose another folder for the pairs",
        path.display()
    );
    let writing = || format!("cannot write the pairs to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(writing)?;
    let mut manifest = csv::Writer::from_writer(Vec::new());
    for (index, pair) in pairs.iter().enumerate() {
        let (noisy, clean) = (format!("{index:03}_noisy.wav"), format!("{index:03}_clean.wav"));
        write_wav(&folder.join(&noisy), &pair.noisy)?;
        write_wav(&folder.join(&clean), &pair.clean)?;
        let row = Row {
            noisy,
            clean,
            noise_type: pair.noise_type.clone(),
            snr_db: pair.snr_db,
            score_rate_hz: Some(pair.score_rate_hz),
        };
        manifest.serialize(row).with_context(writing)?;
    }
    atomic_file::write(&path, &manifest.into_inner().with_context(writing)?)
}

fn write_wav(path: &Path, samples: &[f32]) -> Result<(), AudioFileError> {
    let audio = Audio {
        sample_rate_hz: SAMPLE_RATE_HZ,
        channels: vec![samples.to_vec()],
        format: SampleFormat::Float,
    };
    audio_file::write_atomically(path, &audio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_pair() -> Pair {
        Pair {
            noise_type: "source/kind, with comma".to_owned(),
            snr_db: -3.0,
            score_rate_hz: 16_000,
            noisy: (0..500).map(|n| (n as f32 * 0.3).sin()).collect(),
            clean: (0..500).map(|n| (n as f32 * 0.1).sin()).collect(),
            earlier_noise: Vec::new(),
        }
    }

    #[test]
    fn written_pairs_read_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let pair = any_pair();
        write_pairs(folder.path(), std::slice::from_ref(&pair)).unwrap();
        let back = read_manifest(&folder.path().join(MANIFEST_NAME)).unwrap();
        assert_eq!(back.len(), 1);
        assert_eq!(
            (&back[0].noise_type, back[0].snr_db, back[0].score_rate_hz),
            (&pair.noise_type, -3.0, 16_000)
        );
        assert_eq!((&back[0].noisy, &back[0].clean), (&pair.noisy, &pair.clean));
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST_NAME);
        std::fs::write(&path, "noisy,clean,noise_type,snr_db\nlost.wav,clean.wav,rain,0\n").unwrap();
        let error = format!("{:#}", read_manifest(&path).unwrap_err());
        assert!(error.contains("lost.wav"), "{error}");
    }

    #[test]
    fn pairs_are_never_written_over_others() {
        let folder = tempfile::tempdir().unwrap();
        let written = || std::fs::read(folder.path().join("000_clean.wav")).unwrap();
        write_pairs(folder.path(), &[any_pair()]).unwrap();
        let first = written();
        let mut other = any_pair();
        other.clean.reverse();
        let error = write_pairs(folder.path(), &[other]).unwrap_err().to_string();
        assert!(error.contains("manifest.csv exists already"), "{error}");
        assert_eq!(written(), first);
    }

    #[test]
    fn a_silent_clean_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut pair = any_pair();
        pair.clean.fill(0.0);
        write_pairs(folder.path(), &[pair]).unwrap();
        let error = read_manifest(&folder.path().join(MANIFEST_NAME))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "000_clean.wav is silent");
    }
}
