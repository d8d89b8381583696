//! Examples turned into what the network sees (the engine's own front end) and what the loss needs.

use unfold::bands::Bands;
use unfold::kernels::{exp2, log2};
use unfold::learn::{MAX_ATOMS, MIN_ATOMS, learn_atoms};
use unfold::model::Config;
use unfold::noise_floor::{FrontEnd, compress};
use unfold::simd::dispatch;
use unfold::stft::Stft;
use unfold::units::{bin_to_hz, hop_samples};

use realfft::num_complex::Complex32;

use super::bark::BarkBands;
use super::envelope::{ENVELOPES, third_octaves};
use crate::mix::{Example, Mixer, Scratch};

/// Training runs at this rate; the bands are the same at every rate.
pub const TRAINING_RATE_HZ: f64 = 48_000.0;

/// Exponent of the compressed magnitudes in the loss.
pub const COMPRESSION: f32 = 0.3;

/// Examples that may stand in for one that is not finite.
const MOST_REPLACEMENTS: u64 = 8;

/// Bins above this are not part of the loss.
const LOSS_LIMIT_HZ: f64 = 20_000.0;

/// One example, ready for the network. T frames, F bands, B bins of the loss.
pub struct Prepared {
    pub frames: usize,
    /// `[T][F]`
    pub features: Vec<f32>,
    /// `[T][F]`
    pub floor: Vec<f32>,
    /// `[T][B]`: |X|^0.3 of the mix.
    pub mix_compressed: Vec<f32>,
    /// `[T][B]`: |S|^0.3 of the speech.
    pub speech_compressed: Vec<f32>,
    /// `[T][B]`: |X|^2.
    pub mix_power: Vec<f32>,
    /// `[T][B]`: Re(X S*).
    pub cross_power: Vec<f32>,
    /// `[T][ENVELOPES]`: third-octave magnitudes of the speech.
    pub speech_envelope: Vec<f32>,
    /// `[T][K]`: powers of the speech in critical bands, at the level at which PESQ listens.
    pub speech_bark: Vec<f32>,
    /// Brings powers to that level; 0 without speech.
    pub loudness_factor: f32,
    /// `[count][F]`: atoms learnt from another stretch of the noise; empty for none.
    pub user_atoms: Vec<f32>,
    /// Sums over all frames and bins of |S|^2 and |X|^2.
    pub speech_energy: f32,
    pub mix_energy: f32,
}

/// Bins that the loss reads of a window.
pub fn loss_bins(window_samples: usize) -> usize {
    (0..=window_samples / 2)
        .filter(|bin| bin_to_hz(*bin, window_samples, TRAINING_RATE_HZ) <= LOSS_LIMIT_HZ)
        .count()
}

/// Powers to compressed magnitudes.
fn compress_powers(powers: &mut [f32]) {
    dispatch(
        #[inline(always)]
        || {
            powers
                .iter_mut()
                .for_each(|p| *p = exp2(0.5 * COMPRESSION * log2(p.max(f32::MIN_POSITIVE))))
        },
    );
}

/// Turns examples into [`Prepared`] ones; one per thread.
pub struct Preparer {
    stft: Stft,
    bands: Bands,
    config: Config,
    scratch: Scratch,
}

impl Preparer {
    /// For a model's bands and front end.
    pub fn new(config: &Config) -> Self {
        let stft = Stft::new(hop_samples(TRAINING_RATE_HZ), config.window_hops);
        let bands = Bands::new(&config.band_centres_hz, stft.window_samples(), TRAINING_RATE_HZ);
        Self {
            stft,
            bands,
            config: config.clone(),
            scratch: Scratch::default(),
        }
    }

    /// Draws the example of a seed and prepares it. One that is not finite would end the training: it is reported, and the
    /// example of a neighbouring seed takes its place.
    pub fn draw(&mut self, mixer: &Mixer, seed: u64, frames: usize) -> Prepared {
        let length = frames * hop_samples(TRAINING_RATE_HZ);
        let mut example = mixer.example(seed, length, &mut self.scratch);
        for replacement in (1..=MOST_REPLACEMENTS).map(|n| seed ^ (n << 50)) {
            if example.is_finite() {
                break;
            }
            eprintln!("the example of seed {seed} is not finite; {replacement} takes its place");
            example = mixer.example(replacement, length, &mut self.scratch);
        }
        self.prepare(&example)
    }

    /// Atoms by the plugin's own fit: none from a silent or a short noise. Here every hop counts alike, where the plugin
    /// weights each by the share of noise that the network heard in it. The number of atoms varies with the length of the
    /// noise, as good as at random.
    fn learn(&mut self, noise: &[f32]) -> Vec<f32> {
        let bands = self.config.bands();
        let mut spectrum = vec![Complex32::default(); self.stft.bins()];
        let (mut power, mut band_power) = (vec![0.0; self.stft.bins()], vec![0.0; bands]);
        let scale = self.stft.power_scale();
        let mut frames = Vec::new();
        for window in noise
            .windows(self.stft.window_samples())
            .step_by(self.stft.hop_samples())
        {
            self.stft.analyse(window, &mut spectrum);
            for (p, x) in power.iter_mut().zip(&spectrum) {
                *p = x.norm_sqr() * scale;
            }
            self.bands.mean_power_into(&power, &mut band_power);
            frames.extend(band_power.iter().map(|p| compress(*p)));
        }
        let count = MIN_ATOMS + noise.len() % (MAX_ATOMS - MIN_ATOMS + 1);
        learn_atoms(&frames, bands, count.min(self.config.user_atoms)).unwrap_or_default()
    }

    /// Analyses one example.
    pub fn prepare(&mut self, example: &Example) -> Prepared {
        let (hop, window) = (self.stft.hop_samples(), self.stft.window_samples());
        let (bins, bands) = (self.stft.bins(), self.config.bands());
        let kept = loss_bins(window);
        let frames = example.mix.len() / hop;
        let user_atoms = self.learn(&example.learnt_noise);
        let valid = (0..kept)
            .take_while(|bin| bin_to_hz(*bin, window, TRAINING_RATE_HZ) as f32 <= example.bandwidth_hz)
            .count();
        let empty = |width: usize| vec![0.0; frames * width];
        let bark = BarkBands::new(window);
        let mut speech_power = vec![0.0; kept];
        let mut out = Prepared {
            frames,
            features: empty(bands),
            floor: empty(bands),
            mix_compressed: empty(kept),
            speech_compressed: empty(kept),
            mix_power: empty(kept),
            cross_power: empty(kept),
            speech_envelope: Vec::with_capacity(frames * ENVELOPES),
            speech_bark: Vec::with_capacity(frames * bark.len()),
            loudness_factor: 0.0,
            user_atoms,
            speech_energy: 0.0,
            mix_energy: 0.0,
        };
        let third_octaves = third_octaves(window);
        let mut front_end = FrontEnd::new(&self.config.front_end, bands, self.config.window_hops);
        let mut mix_spectrum = vec![Complex32::default(); bins];
        let mut speech_spectrum = mix_spectrum.clone();
        let (mut power, mut band_power) = (vec![0.0; bins], vec![0.0; bands]);
        // The first frames look back at silence.
        let padded = |signal: &[f32]| [&vec![0.0; window - hop], signal].concat();
        let (mix, speech) = (padded(&example.mix), padded(&example.speech));
        let scale = self.stft.power_scale();
        // Both signals are scaled alike so that the mix has unit mean power per bin over the whole example.
        let mean_square = example.mix.iter().map(|x| x * x).sum::<f32>() / example.mix.len() as f32;
        let loss_scale = 1.0 / (mean_square * window as f32 * 0.5).max(1e-12);
        for t in 0..frames {
            let frame = t * hop..t * hop + window;
            self.stft.analyse(&mix[frame.clone()], &mut mix_spectrum);
            self.stft.analyse(&speech[frame], &mut speech_spectrum);
            for (p, x) in power.iter_mut().zip(&mix_spectrum) {
                *p = x.norm_sqr() * scale;
            }
            self.bands.mean_power_into(&power, &mut band_power);
            let range = t * bands..(t + 1) * bands;
            front_end.push(&band_power, &mut out.features[range.clone()], &mut out.floor[range]);
            for bin in 0..valid {
                let (x, s) = (mix_spectrum[bin], speech_spectrum[bin]);
                let at = t * kept + bin;
                let (xx, ss) = (x.norm_sqr() * loss_scale, s.norm_sqr() * loss_scale);
                out.mix_power[at] = xx;
                out.cross_power[at] = (x * s.conj()).re * loss_scale;
                out.mix_compressed[at] = xx;
                out.speech_compressed[at] = ss;
                speech_power[bin] = ss;
                out.speech_energy += ss;
                out.mix_energy += xx;
            }
            out.speech_envelope.extend(third_octaves.iter().map(|band| {
                let powers = speech_spectrum[band.clone()].iter().map(|s| s.norm_sqr());
                (powers.sum::<f32>() * loss_scale).sqrt()
            }));
            out.speech_bark.extend(bark.sums(&speech_power));
        }
        compress_powers(&mut out.mix_compressed);
        compress_powers(&mut out.speech_compressed);
        out.loudness_factor = bark.calibrate(&mut out.speech_bark);
        out
    }
}
