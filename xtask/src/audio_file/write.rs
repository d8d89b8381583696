//! Writing: into a temporary file beside the target, renamed over it only when it is complete.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flac_codec::encode::{FlacSampleWriter, Options};
use tempfile::NamedTempFile;

use crate::atomic_file;

use super::{Audio, AudioFileError, SampleFormat, full_scale};

/// FLAC's own limits.
const FLAC_MAX_CHANNELS: usize = 8;
const FLAC_MAX_SAMPLE_RATE_HZ: u32 = (1 << 20) - 1;
/// Samples per channel handed to the FLAC encoder at a time.
const FLAC_CHUNK_SAMPLES: usize = 4096;
/// Room for the header within WAV's 32-bit sizes.
const WAV_MAX_DATA_BYTES: u64 = u32::MAX as u64 - 128;

#[derive(Clone, Copy)]
enum Container {
    Wav,
    Flac,
}

fn container_of(path: &Path) -> Result<Container, AudioFileError> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("wav" | "wave") => Ok(Container::Wav),
        Some("flac") => Ok(Container::Flac),
        _ => Err(AudioFileError::UnsupportedExtension { path: path.to_owned() }),
    }
}

/// Whether the name's ending stands for a format that can be written.
pub fn is_writable_format(path: &Path) -> bool {
    container_of(path).is_ok()
}

/// An output that is known to be writable before the work on its content begins. Dropped without
/// [`OutputFile::finish`], it leaves nothing behind and an older file of the same name untouched.
pub struct OutputFile {
    path: PathBuf,
    /// `path` with links resolved, so that a link is written through and not replaced.
    target: PathBuf,
    container: Container,
    temporary: NamedTempFile,
}

impl OutputFile {
    /// Reserves a temporary file in the folder of `path`, which must exist.
    ///
    /// # Errors
    /// The name's ending stands for no format that is written; the folder is missing or not writable;
    /// `path` is a folder or a read-only file.
    pub fn create(path: &Path) -> Result<OutputFile, AudioFileError> {
        let container = container_of(path)?;
        let unwritable = |source| AudioFileError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Ok(metadata) = fs::metadata(&target) {
            if metadata.is_dir() {
                return Err(unwritable(std::io::ErrorKind::IsADirectory.into()));
            }
            if metadata.permissions().readonly() {
                return Err(unwritable(std::io::ErrorKind::PermissionDenied.into()));
            }
        }
        let temporary = atomic_file::beside(&target).map_err(|error| unwritable(without_path(&error)))?;
        Ok(OutputFile {
            path: path.to_owned(),
            target,
            container,
            temporary,
        })
    }

    /// Writes the samples and puts the file in its place. Integer samples are rounded and clipped to full scale.
    ///
    /// # Errors
    /// The format cannot hold the samples, or the disk cannot; the target is then as it was.
    pub fn finish(mut self, audio: &Audio) -> Result<(), AudioFileError> {
        match self.container {
            Container::Wav => self.write_wav(audio)?,
            Container::Flac => self.write_flac(audio)?,
        }
        match self.temporary.persist(&self.target) {
            Ok(_) => Ok(()),
            Err(error) => Err(AudioFileError::Unwritable {
                path: self.path,
                source: error.error,
            }),
        }
    }

    fn write_wav(&mut self, audio: &Audio) -> Result<(), AudioFileError> {
        let (sample_format, bits_per_sample) = match audio.format {
            SampleFormat::Float => (hound::SampleFormat::Float, 32),
            SampleFormat::Int { bits } => (hound::SampleFormat::Int, bits),
        };
        // WAV has whole bytes: a 20-bit FLAC becomes a 24-bit WAV with the same values.
        let bits_per_sample = bits_per_sample.next_multiple_of(8);
        let bytes_per_sample = u64::from(bits_per_sample / 8);
        let data_bytes = (audio.len_samples() * audio.channels.len()) as u64 * bytes_per_sample;
        if data_bytes > WAV_MAX_DATA_BYTES {
            return Err(self.unrepresentable("the audio is too long for a WAV file (4 GiB)"));
        }
        let spec = hound::WavSpec {
            channels: audio.channels.len() as u16,
            sample_rate: audio.sample_rate_hz,
            bits_per_sample,
            sample_format,
        };
        let result = write_wav_samples(BufWriter::new(self.temporary.as_file_mut()), spec, audio);
        result.map_err(|error| match error {
            hound::Error::IoError(source) => AudioFileError::Unwritable {
                path: self.path.clone(),
                source,
            },
            other => self.unrepresentable(other),
        })
    }

    fn write_flac(&mut self, audio: &Audio) -> Result<(), AudioFileError> {
        let SampleFormat::Int { bits } = audio.format else {
            return Err(self.unrepresentable("floating-point samples cannot be written as FLAC; name the output .wav"));
        };
        if audio.channels.len() > FLAC_MAX_CHANNELS {
            return Err(self.unrepresentable(format!(
                "{} channels, where FLAC holds {FLAC_MAX_CHANNELS}; name the output .wav",
                audio.channels.len()
            )));
        }
        if audio.sample_rate_hz > FLAC_MAX_SAMPLE_RATE_HZ {
            return Err(self.unrepresentable("the sample rate is too high for FLAC"));
        }
        let result = write_flac_samples(BufWriter::new(self.temporary.as_file_mut()), bits, audio);
        result.map_err(|error| match error {
            flac_codec::Error::Io(source) => AudioFileError::Unwritable {
                path: self.path.clone(),
                source,
            },
            other => self.unrepresentable(other),
        })
    }

    fn unrepresentable(&self, reason: impl ToString) -> AudioFileError {
        AudioFileError::Unrepresentable {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}

/// Refuses an output that is the input under any name: relative, through a link, or a second hard link.
///
/// # Errors
/// [`AudioFileError::SameFile`].
pub fn check_not_same(input: &Path, output: &Path) -> Result<(), AudioFileError> {
    match same_file::is_same_file(input, output) {
        Ok(true) => Err(AudioFileError::SameFile {
            input: input.to_owned(),
            output: output.to_owned(),
        }),
        // An output that does not exist yet is no input.
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Writes a whole WAV or FLAC file (the name's ending decides) so that it appears complete or not at all.
///
/// # Errors
/// Those of [`OutputFile::create`] and [`OutputFile::finish`].
pub fn write_atomically(path: &Path, audio: &Audio) -> Result<(), AudioFileError> {
    OutputFile::create(path)?.finish(audio)
}

/// tempfile adds the temporary name to the message; the user knows only the target's.
fn without_path(error: &std::io::Error) -> std::io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error)
}

fn write_wav_samples<W: Write + std::io::Seek>(output: W, spec: hound::WavSpec, audio: &Audio) -> hound::Result<()> {
    let mut writer = hound::WavWriter::new(output, spec)?;
    for at in 0..audio.len_samples() {
        for channel in &audio.channels {
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(channel[at])?,
                hound::SampleFormat::Int => {
                    writer.write_sample(to_integer(channel[at], spec.bits_per_sample))?;
                }
            }
        }
    }
    writer.finalize()
}

fn write_flac_samples<W: Write + std::io::Seek>(output: W, bits: u16, audio: &Audio) -> Result<(), flac_codec::Error> {
    let (channels, samples) = (audio.channels.len(), audio.len_samples());
    let mut writer = FlacSampleWriter::new(
        output,
        Options::default(),
        audio.sample_rate_hz,
        u32::from(bits),
        channels as u8,
        Some((samples * channels) as u64),
    )?;
    let mut interleaved = Vec::with_capacity(FLAC_CHUNK_SAMPLES * channels);
    for start in (0..samples).step_by(FLAC_CHUNK_SAMPLES) {
        interleaved.clear();
        for at in start..(start + FLAC_CHUNK_SAMPLES).min(samples) {
            interleaved.extend(audio.channels.iter().map(|channel| to_integer(channel[at], bits)));
        }
        writer.write(&interleaved)?;
    }
    writer.finalize()
}

/// The nearest integer sample. `f64`, because the largest 32-bit value has no `f32`.
fn to_integer(sample: f32, bits: u16) -> i32 {
    let scale = f64::from(full_scale(bits));
    (f64::from(sample) * scale).round().clamp(-scale, scale - 1.0) as i32
}
