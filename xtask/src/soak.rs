//! `cargo xtask soak`: a day of audio through one engine, far faster than real time. Memory must stay where it was
//! after the first hour, every sample must be finite and bounded, and the first hour heard again after a reset must
//! come out bit for bit.

use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unfold::engine::{Engine, Listen, Settings, StereoMode};
use unfold::model_file;

use crate::report;

const RATE_HZ: usize = 48_000;
const HOUR_S: usize = 3600;
/// Longest block that the simulated host sends.
const LARGEST_BLOCK_SAMPLES: usize = 2048;
/// The engine holds its input to 100; what comes out may add up to a few times that.
const LARGEST_OUTPUT: f32 = 400.0;
/// What the resident memory may differ by after the first hour: the noise of the allocator, a few kilobytes an
/// hour in a day.
const MEMORY_TOLERANCE_KB: u64 = 64;

/// Stream a day of audio through the engine and check memory, output and repeatability
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Hours of audio
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    hours: u32,
    /// Write the result into this Markdown file, between its soak markers
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What came out of one stretch of audio.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Heard {
    /// Of every output bit, in order.
    digest: u64,
    peak: f32,
}

/// Runs the command.
///
/// # Errors
/// A promise is broken, or the report cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let mut engine = engine()?;
    let voice = voice();
    let begin = Instant::now();
    let (mut first, mut peak, mut memory_kb) = (None, 0.0_f32, Vec::new());
    for hour in 0..args.hours {
        let heard = stream(&mut engine, &voice, hour, HOUR_S)?;
        first.get_or_insert(heard);
        peak = peak.max(heard.peak);
        memory_kb.extend(resident_kb());
        println!(
            "hour {:>3}: digest {:016x}, peak {:.1}, {} kB resident",
            hour + 1,
            heard.digest,
            heard.peak,
            memory_kb.last().map_or("unknown".to_owned(), u64::to_string)
        );
    }
    engine.reset();
    let again = stream(&mut engine, &voice, 0, HOUR_S)?;
    let took_s = begin.elapsed().as_secs_f64();
    ensure!(
        first == Some(again),
        "the first hour came out differently after a reset: {first:?}, then {again:?}"
    );
    let memory = match (memory_kb.iter().min(), memory_kb.iter().max()) {
        (Some(least), Some(most)) => {
            ensure!(
                most - least <= MEMORY_TOLERANCE_KB,
                "the resident memory moved from {least} to {most} kB after the first hour"
            );
            format!("resident memory at the end of each hour {least} to {most} kB")
        }
        _ => "resident memory not measured on this system".to_owned(),
    };
    let text = format!(
        "Made by `cargo xtask soak --hours {}` on {}: {} hours of stereo at {RATE_HZ} Hz (voice, noise, silence, tones, \
         broken samples; blocks of 0 to {LARGEST_BLOCK_SAMPLES} samples; settings change every minute) through one \
         engine in {took_s:.0} s, {:.0} times faster than real time, the first hour heard twice. Every output sample \
         finite, the largest {peak:.1}; {memory}; the first hour came out bit for bit the same after a reset (digest \
         `{:016x}`).\n",
        args.hours,
        report::today(),
        args.hours,
        f64::from(args.hours + 1) * HOUR_S as f64 / took_s,
        again.digest
    );
    println!("{text}");
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, "soak", &text))
}

fn engine() -> Result<Engine> {
    Ok(Engine::new(model_file::shipped(), RATE_HZ as f64, 2)?)
}

/// Runs `seconds` of the audio that belongs to `seed` through the engine, in blocks of random lengths.
fn stream(engine: &mut Engine, voice: &[f32], seed: u32, seconds: usize) -> Result<Heard> {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(seed));
    let mut source = Source::new(voice, seed);
    let mut digest = DefaultHasher::new();
    let (mut left, mut right) = ([0.0; LARGEST_BLOCK_SAMPLES], [0.0; LARGEST_BLOCK_SAMPLES]);
    let mut peak = 0.0_f32;
    let (mut position, end) = (0, seconds * RATE_HZ);
    let mut settings = Settings::default();
    let mut minute = usize::MAX;
    while position < end {
        if position / (60 * RATE_HZ) != minute {
            minute = position / (60 * RATE_HZ);
            settings = any_settings(&mut rng);
        }
        let block = rng.random_range(0..=LARGEST_BLOCK_SAMPLES).min(end - position);
        let (left, right) = (&mut left[..block], &mut right[..block]);
        for (at, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate() {
            (*l, *r) = source.sample(position + at);
        }
        engine.process(&settings, &mut [left, right]);
        for y in left.iter().chain(right.iter()) {
            peak = peak.max(y.abs());
            ensure!(
                y.is_finite() && y.abs() <= LARGEST_OUTPUT,
                "{y} came out in the block at {} s of hour {seed}",
                position / RATE_HZ
            );
            digest.write_u32(y.to_bits());
        }
        position += block;
    }
    Ok(Heard {
        digest: digest.finish(),
        peak,
    })
}

fn any_settings(rng: &mut impl Rng) -> Settings {
    Settings {
        layers: rng.random_range(1..=model_file::shipped().layers()),
        amount: rng.random_range(0.5..=1.0),
        adapt: rng.random_bool(0.8),
        stereo: if rng.random_bool(0.8) {
            StereoMode::Linked
        } else {
            StereoMode::Independent
        },
        listen: if rng.random_bool(0.9) {
            Listen::Result
        } else {
            Listen::Removed
        },
        ..Settings::default()
    }
}

/// One second of a buzz with syllables.
fn voice() -> Vec<f32> {
    let sample = |n: usize| {
        let time_s = n as f64 / RATE_HZ as f64;
        let syllable = (std::f64::consts::TAU * 3.0 * time_s).sin().max(0.0);
        (0.2 * syllable * (2.0 * (130.0 * time_s).fract() - 1.0)) as f32
    };
    (0..RATE_HZ).map(sample).collect()
}

/// Endless stereo test sound: every ten seconds something else.
struct Source<'a> {
    seed: usize,
    noise: u32,
    voice: &'a [f32],
}

impl<'a> Source<'a> {
    fn new(voice: &'a [f32], seed: u32) -> Self {
        Self {
            seed: seed as usize,
            noise: seed.wrapping_mul(2_654_435_761).wrapping_add(1),
            voice,
        }
    }

    fn sample(&mut self, position: usize) -> (f32, f32) {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (self.noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let voice = self.voice[position % RATE_HZ];
        match (position / (10 * RATE_HZ) + self.seed) % 8 {
            0..=2 => (voice + 0.03 * noise, 0.7 * voice - 0.02 * noise),
            3 => (0.001 * noise, 0.001 * noise),
            4 => (0.0, 0.0),
            5 => (0.9 * noise, voice),
            6 => (self.voice[position % 369], 1e-40 * noise),
            _ if noise > 0.999 => (f32::NAN, 1e30),
            _ => (voice, f32::INFINITY),
        }
    }
}

/// Memory of its own that this process holds, where the system tells it. Pages of the program file do not count: the
/// system maps and drops those as it likes.
pub fn resident_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_minutes_are_finite_and_repeat_to_the_bit() {
        let (mut engine, voice) = (engine().unwrap(), voice());
        let first = stream(&mut engine, &voice, 0, 90).unwrap();
        let second = stream(&mut engine, &voice, 1, 30).unwrap();
        engine.reset();
        assert_eq!(first, stream(&mut engine, &voice, 0, 90).unwrap());
        assert_eq!(second, stream(&mut engine, &voice, 1, 30).unwrap());
        assert_ne!(first, second);
        assert!(first.peak > 0.1, "silence would prove nothing");
    }
}
