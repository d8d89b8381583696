//! Any settings, block lengths, samples and resets: the output stays finite and bounded, and the same calls give the
//! same bits again after a reset.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use unfold::engine::{Engine, Listen, Settings, StereoMode};
use unfold::model_file::shipped;

const RATES_HZ: [f64; 5] = [1_000.0, 8_000.0, 11_025.0, 44_100.0, 48_000.0];
const MOST_CHANNELS: usize = 3;
/// Samples in one input, so that one run stays short.
const MOST_SAMPLES: usize = 20_000;
/// Some times the +40 dBFS to which the engine holds its input.
const LARGEST_OUTPUT: f32 = 400.0;

#[derive(Arbitrary, Debug)]
struct Session {
    rate: u8,
    channels: u8,
    calls: Vec<Call>,
}

#[derive(Arbitrary, Debug)]
enum Call {
    Reset,
    Process {
        samples: u16,
        /// Host channels, fewer or more than the engine's too.
        channels: u8,
        settings: AnySettings,
        sound: Sound,
    },
}

#[derive(Arbitrary, Debug)]
enum Sound {
    /// One value all along: NaN, infinity, a subnormal number, anything.
    Constant(f32),
    /// Two values in turn.
    Alternating(f32, f32, u8),
    Noise(u32),
}

#[derive(Arbitrary, Debug)]
struct AnySettings {
    amount: f32,
    floor_db: f32,
    layers: usize,
    listen: u8,
    flags: u8,
    output_gain_db: i8,
}

impl AnySettings {
    fn settings(&self) -> Settings {
        Settings {
            amount: self.amount,
            floor_db: self.floor_db,
            layers: self.layers,
            listen: [Listen::Result, Listen::Removed, Listen::Input][usize::from(self.listen % 3)],
            stereo: if self.flags & 1 == 0 {
                StereoMode::Linked
            } else {
                StereoMode::Independent
            },
            adapt: self.flags & 2 == 0,
            // A gain is meant to make things louder: only lower ones keep the bound.
            output_gain_db: -f32::from(self.output_gain_db).abs(),
            bypass: self.flags & 4 != 0,
        }
    }
}

impl Sound {
    fn sample(&self, n: usize) -> f32 {
        match *self {
            Self::Constant(value) => value,
            Self::Alternating(a, b, period) => {
                if (n / (1 + usize::from(period))).is_multiple_of(2) {
                    a
                } else {
                    b
                }
            }
            Self::Noise(seed) => {
                let mixed = (n as u32).wrapping_add(seed).wrapping_mul(2_654_435_761);
                (mixed ^ (mixed >> 15)) as f32 / u32::MAX as f32 - 0.5
            }
        }
    }
}

fn play(engine: &mut Engine, calls: &[Call]) -> Vec<u32> {
    let mut bits = Vec::new();
    let mut left = MOST_SAMPLES;
    for call in calls {
        let Call::Process {
            samples,
            channels,
            settings,
            sound,
        } = call
        else {
            engine.reset();
            continue;
        };
        let samples = usize::from(*samples).min(left);
        left -= samples;
        let channels = usize::from(*channels) % (MOST_CHANNELS + 2);
        let input: Vec<f32> = (0..samples).map(|n| sound.sample(n)).collect();
        let mut audio = vec![input; channels];
        let mut views: Vec<&mut [f32]> = audio.iter_mut().map(Vec::as_mut_slice).collect();
        engine.process(&settings.settings(), &mut views);
        bits.extend(audio.iter().take(1).flatten().map(|y| y.to_bits()));
    }
    bits
}

fuzz_target!(|session: Session| {
    let rate_hz = RATES_HZ[usize::from(session.rate) % RATES_HZ.len()];
    let channels = 1 + usize::from(session.channels) % MOST_CHANNELS;
    let mut engine = Engine::new(shipped(), rate_hz, channels).expect("a possible engine");
    let first = play(&mut engine, &session.calls);
    for &bits in &first {
        let y = f32::from_bits(bits);
        assert!(y.is_finite() && y.abs() <= LARGEST_OUTPUT, "{y} came out");
    }
    engine.reset();
    assert_eq!(first, play(&mut engine, &session.calls), "the second time differs");
});
