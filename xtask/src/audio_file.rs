//! Whole audio files in memory: WAV, FLAC and Ogg Vorbis in, WAV and FLAC out.
//!
//! Every error is one sentence that names the file and what is wrong with it. Samples are `f32` with
//! full scale at 1, so integer samples up to 24 bits survive a round trip unchanged and 32-bit ones
//! keep their upper 24 bits.

mod write;

pub use write::{OutputFile, check_not_same, is_writable_format, write_atomically};

use std::fs::File;
use std::io::{BufReader, Read, SeekFrom};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

pub use unfold::engine::MAX_CHANNELS;

/// How one sample is stored in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    /// Signed integers of this many bits.
    Int {
        /// Bits per sample, 4 to 32.
        bits: u16,
    },
    /// 32-bit floating point.
    Float,
}

/// One decoded file.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// `channels[channel][sample]`: 1 to [`MAX_CHANNELS`] channels of one equal length, at least 1 sample.
    pub channels: Vec<Vec<f32>>,
    /// How the file stores its samples. Ogg Vorbis has no such format and counts as [`SampleFormat::Float`].
    pub format: SampleFormat,
}

impl Audio {
    /// Samples per channel.
    pub fn len_samples(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The mean over the channels.
    pub fn to_mono(&self) -> Vec<f32> {
        let scale_gain = 1.0 / self.channels.len() as f32;
        (0..self.len_samples())
            .map(|at| self.channels.iter().map(|channel| channel[at]).sum::<f32>() * scale_gain)
            .collect()
    }
}

/// Why a file could not be read or written; each displays as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum AudioFileError {
    /// No file has this name.
    #[error("{}: there is no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder where a file was expected.
    #[error("{}: this is a folder, not an audio file", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refused to open or read the file.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The content is none of the formats that are read.
    #[error("{}: this is not a WAV, FLAC or Ogg Vorbis file", path.display())]
    NotAudio {
        /// The file.
        path: PathBuf,
    },
    /// The file begins like audio and then breaks its format's rules.
    #[error("{}: the audio is damaged or of an unsupported kind: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The decoder's words.
        reason: String,
    },
    /// No samples at all.
    #[error("{}: the file holds no samples", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// NaN or infinity.
    #[error("{}: sample {sample} of channel {channel} (both counted from 1) is not a finite number", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Position of the first such sample, counted from 1.
        sample: usize,
        /// Its channel, counted from 1.
        channel: usize,
    },
    /// No channel, or more than the engine takes.
    #[error("{}: {channels} channels, where 1 to {MAX_CHANNELS} are supported", path.display())]
    ChannelCount {
        /// The file.
        path: PathBuf,
        /// What it holds.
        channels: usize,
    },
    /// The name's ending stands for no format that is written.
    #[error("{}: the output's name must end in .wav or .flac", path.display())]
    UnsupportedExtension {
        /// The output.
        path: PathBuf,
    },
    /// The samples do not fit the output's format.
    #[error("{}: {reason}", path.display())]
    Unrepresentable {
        /// The output.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The output cannot be created or written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The output.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Input and output are one file, whatever the names.
    #[error("{}: the output is the same file as the input {}", output.display(), input.display())]
    SameFile {
        /// The input.
        input: PathBuf,
        /// The output.
        output: PathBuf,
    },
}

/// Reads a whole WAV, FLAC or Ogg Vorbis file. The content decides the format, not the name.
///
/// # Errors
/// An [`AudioFileError`] for everything that is not 1 to [`MAX_CHANNELS`] channels of at least one
/// finite sample each.
pub fn read(path: &Path) -> Result<Audio, AudioFileError> {
    decode(path, open(path)?)
}

/// As [`read`], from any source of bytes; `path` is what errors name.
///
/// # Errors
/// As [`read`].
pub fn decode(path: &Path, mut source: impl MediaSource + 'static) -> Result<Audio, AudioFileError> {
    let unreadable = |source| AudioFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut start = Vec::new();
    (&mut source).take(4).read_to_end(&mut start).map_err(unreadable)?;
    source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let audio = match start.as_slice() {
        b"" => return Err(AudioFileError::Empty { path: path.to_owned() }),
        b"RIFF" => read_wav(path, source)?,
        b"fLaC" | b"OggS" => read_with_symphonia(path, source)?,
        _ => return Err(AudioFileError::NotAudio { path: path.to_owned() }),
    };
    validate(path, audio)
}

fn open(path: &Path) -> Result<File, AudioFileError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => AudioFileError::Missing { path: path.to_owned() },
        _ => AudioFileError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(AudioFileError::IsFolder { path: path.to_owned() });
    }
    File::open(path).map_err(failed)
}

fn validate(path: &Path, audio: Audio) -> Result<Audio, AudioFileError> {
    check_channel_count(path, audio.channels.len())?;
    if audio.len_samples() == 0 {
        return Err(AudioFileError::Empty { path: path.to_owned() });
    }
    if audio.sample_rate_hz == 0 {
        return Err(damaged(path, "the sample rate is 0 Hz"));
    }
    // The earliest bad sample, whichever channel it is in.
    let first_bad = audio
        .channels
        .iter()
        .enumerate()
        .filter_map(|(channel, samples)| Some((samples.iter().position(|x| !x.is_finite())?, channel)))
        .min();
    match first_bad {
        Some((sample, channel)) => Err(AudioFileError::NotFinite {
            path: path.to_owned(),
            sample: sample + 1,
            channel: channel + 1,
        }),
        None => Ok(audio),
    }
}

fn check_channel_count(path: &Path, channels: usize) -> Result<(), AudioFileError> {
    match channels {
        1..=MAX_CHANNELS => Ok(()),
        _ => Err(AudioFileError::ChannelCount {
            path: path.to_owned(),
            channels,
        }),
    }
}

fn damaged(path: &Path, reason: impl ToString) -> AudioFileError {
    AudioFileError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The factor between an integer sample and full scale 1.
fn full_scale(bits: u16) -> f32 {
    2f32.powi(i32::from(bits) - 1)
}

/// WAV goes through hound, which takes any channel count; symphonia stops at 26.
fn read_wav(path: &Path, source: impl Read) -> Result<Audio, AudioFileError> {
    let reader = hound::WavReader::new(BufReader::new(source)).map_err(|error| damaged(path, error))?;
    let spec = reader.spec();
    check_channel_count(path, usize::from(spec.channels))?;
    let mut channels = vec![Vec::new(); usize::from(spec.channels)];
    let format = match spec.sample_format {
        hound::SampleFormat::Float => {
            deinterleave(reader.into_samples::<f32>(), &mut channels).map_err(|error| damaged(path, error))?;
            SampleFormat::Float
        }
        hound::SampleFormat::Int => {
            let scale = 1.0 / full_scale(spec.bits_per_sample);
            let samples = reader
                .into_samples::<i32>()
                .map(|sample| sample.map(|sample| sample as f32 * scale));
            deinterleave(samples, &mut channels).map_err(|error| damaged(path, error))?;
            SampleFormat::Int {
                bits: spec.bits_per_sample,
            }
        }
    };
    Ok(Audio {
        sample_rate_hz: spec.sample_rate,
        channels,
        format,
    })
}

/// Grows the channels sample by sample: a length taken from a damaged header must not decide how much
/// memory is reserved.
fn deinterleave<E>(samples: impl Iterator<Item = Result<f32, E>>, channels: &mut [Vec<f32>]) -> Result<(), E> {
    let count = channels.len();
    for (at, sample) in samples.enumerate() {
        channels[at % count].push(sample?);
    }
    Ok(())
}

fn read_with_symphonia(path: &Path, source: impl MediaSource + 'static) -> Result<Audio, AudioFileError> {
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let mut container = symphonia::default::get_probe()
        .probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|error| damaged(path, error))?;
    let track = container
        .default_track(TrackType::Audio)
        .ok_or_else(|| damaged(path, "the container has no audio track"))?;
    let (track_id, announced_samples) = (track.id, track.num_frames);
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(|| damaged(path, "the audio track has no codec"))?
        .clone();
    // FLAC carries a checksum of its samples; Vorbis does not.
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &AudioDecoderOptions::default().verify(true))
        .map_err(|error| damaged(path, error))?;
    if let Some(channels) = &parameters.channels {
        check_channel_count(path, channels.count())?;
    }
    let (sample_rate_hz, channels) =
        decode_track(container.as_mut(), decoder.as_mut(), track_id).map_err(|error| damaged(path, error))?;
    let format = match parameters.bits_per_sample {
        Some(bits) => SampleFormat::Int { bits: bits as u16 },
        None => SampleFormat::Float,
    };
    let audio = Audio {
        sample_rate_hz: sample_rate_hz.unwrap_or(0),
        channels,
        format,
    };
    if let (SampleFormat::Int { .. }, Some(announced)) = (format, announced_samples)
        && announced != audio.len_samples() as u64
    {
        let reason = format!("{} of {announced} samples are there", audio.len_samples());
        return Err(damaged(path, reason));
    }
    if decoder.finalize().verify_ok == Some(false) {
        return Err(damaged(path, "the samples do not match their checksum"));
    }
    if audio.channels.is_empty() {
        return Err(AudioFileError::Empty { path: path.to_owned() });
    }
    Ok(audio)
}

/// The sample rate (`None` where no packet was found) and `channels[channel][sample]`.
type DecodedTrack = (Option<u32>, Vec<Vec<f32>>);

fn decode_track(
    container: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track_id: u32,
) -> symphonia::core::errors::Result<DecodedTrack> {
    let mut sample_rate_hz = None;
    let mut channels: Vec<Vec<f32>> = Vec::new();
    let mut packet_channels: Vec<Vec<f32>> = Vec::new();
    while let Some(packet) = container.next_packet()? {
        if packet.track_id != track_id {
            continue;
        }
        let decoded = decoder.decode(&packet)?;
        sample_rate_hz = Some(decoded.spec().rate());
        decoded.copy_to_vecs_planar(&mut packet_channels);
        channels.resize(channels.len().max(packet_channels.len()), Vec::new());
        for (channel, samples) in channels.iter_mut().zip(&packet_channels) {
            channel.extend_from_slice(samples);
        }
    }
    Ok((sample_rate_hz, channels))
}

#[cfg(test)]
mod tests;
