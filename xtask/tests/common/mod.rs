//! Running the built command, and audio files made and read back by libraries apart from the command's own code.
// Every test binary compiles this module and uses its own part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flac_codec::decode::{FlacSampleReader, Metadata};
use flac_codec::encode::{FlacSampleWriter, Options};

/// What a file holds, in its own integers (or the bits of its floats).
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub sample_rate_hz: u32,
    pub channels: u16,
    pub bits: u16,
    pub float: bool,
    /// Interleaved, full scale 1.
    pub samples: Vec<f64>,
}

impl Stored {
    /// One channel of a file.
    pub fn channel(&self, index: usize) -> Vec<f64> {
        self.samples
            .iter()
            .skip(index)
            .step_by(usize::from(self.channels))
            .copied()
            .collect()
    }

    pub fn energy(&self) -> f64 {
        self.samples.iter().map(|x| x * x).sum()
    }

    fn full_scale(&self) -> f64 {
        2f64.powi(i32::from(self.bits) - 1)
    }

    fn integers(&self) -> Vec<i32> {
        self.samples
            .iter()
            .map(|x| (x * self.full_scale()).round() as i32)
            .collect()
    }

    pub fn write(&self, path: &Path) {
        if path.extension().is_some_and(|extension| extension == "flac") {
            let (rate, bits, channels) = (self.sample_rate_hz, u32::from(self.bits), self.channels as u8);
            let mut writer = FlacSampleWriter::create(path, Options::default(), rate, bits, channels, None).unwrap();
            writer.write(&self.integers()).unwrap();
            return writer.finalize().unwrap();
        }
        let sample_format = if self.float {
            hound::SampleFormat::Float
        } else {
            hound::SampleFormat::Int
        };
        let spec = hound::WavSpec {
            channels: self.channels,
            sample_rate: self.sample_rate_hz,
            bits_per_sample: self.bits,
            sample_format,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        if self.float {
            self.samples
                .iter()
                .for_each(|x| writer.write_sample(*x as f32).unwrap());
        } else {
            self.integers()
                .into_iter()
                .for_each(|x| writer.write_sample(x).unwrap());
        }
        writer.finalize().unwrap();
    }

    pub fn read(path: &Path) -> Stored {
        let scaled = |samples: Vec<i32>, bits: u16| -> Vec<f64> {
            samples
                .into_iter()
                .map(|x| f64::from(x) / 2f64.powi(i32::from(bits) - 1))
                .collect()
        };
        if path.extension().is_some_and(|extension| extension == "flac") {
            let mut reader = FlacSampleReader::new(std::fs::File::open(path).unwrap()).unwrap();
            let (sample_rate_hz, bits) = (reader.sample_rate(), reader.bits_per_sample() as u16);
            let channels = u16::from(reader.channel_count());
            let mut samples = Vec::new();
            reader.read_to_end(&mut samples).unwrap();
            return Stored {
                sample_rate_hz,
                channels,
                bits,
                float: false,
                samples: scaled(samples, bits),
            };
        }
        let reader = hound::WavReader::open(path).unwrap();
        let spec = reader.spec();
        let float = spec.sample_format == hound::SampleFormat::Float;
        let samples = if float {
            reader.into_samples::<f32>().map(|x| f64::from(x.unwrap())).collect()
        } else {
            scaled(
                reader.into_samples::<i32>().map(Result::unwrap).collect(),
                spec.bits_per_sample,
            )
        };
        Stored {
            sample_rate_hz: spec.sample_rate,
            channels: spec.channels,
            bits: spec.bits_per_sample,
            float,
            samples,
        }
    }
}

/// A tone that fades in and out over white noise, different in every channel, on the grid of the format.
pub fn noisy_tone(sample_rate_hz: u32, channels: u16, bits: u16, float: bool, seconds: f64) -> Stored {
    let frames = (f64::from(sample_rate_hz) * seconds) as usize;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut stored = Stored {
        sample_rate_hz,
        channels,
        bits,
        float,
        samples: Vec::new(),
    };
    for at in 0..frames {
        let time_s = at as f64 / f64::from(sample_rate_hz);
        for channel in 0..channels {
            let tone = (time_s * f64::from(channel + 2) * 700.0).sin() * (time_s * 9.0).sin().abs();
            stored.samples.push(0.3 * tone + 0.05 * noise());
        }
    }
    if float {
        stored.samples.iter_mut().for_each(|x| *x = f64::from(*x as f32));
    } else {
        let scale = stored.full_scale();
        stored
            .samples
            .iter_mut()
            .for_each(|x| *x = (*x * scale).round() / scale);
    }
    stored
}

/// Runs the command in `folder`.
pub fn xtask(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs the command, which must succeed, and returns what it printed.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = xtask(folder, arguments);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{arguments:?} failed:\n{stdout}{stderr}");
    stdout.into_owned()
}

/// Runs the command, which must end with exit code 1, and returns what it printed as errors.
pub fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = xtask(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}:\n{stderr}");
    stderr
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Names of everything in a folder, in order.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
