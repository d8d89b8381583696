//! The part of the loss that is nearest to STOI: how well the output's third-octave envelopes follow those of the speech
//! (Taal, Hendriks, Heusdens, Jensen 2011, without its clipping and on this project's frames).

use unfold::units::bin_to_hz;

use super::batch::{Prepared, TRAINING_RATE_HZ};

/// Third-octave bands of STOI.
pub const ENVELOPES: usize = 15;
const FIRST_CENTRE_HZ: f64 = 150.0;

/// Frames that one correlation spans: 0.3 s.
const SPAN_FRAMES: usize = 30;

/// Spans with less than this share of the loudest span's speech energy do not count.
const LEAST_SHARE: f32 = 1e-4;

/// Bins of each third octave.
pub fn third_octaves(window_samples: usize) -> [std::ops::Range<usize>; ENVELOPES] {
    let bin = |hz: f64| (hz / bin_to_hz(1, window_samples, TRAINING_RATE_HZ)).round() as usize;
    std::array::from_fn(|index| {
        let centre_hz = FIRST_CENTRE_HZ * (index as f64 / 3.0).exp2();
        let half = (1.0_f64 / 6.0).exp2();
        let first = bin(centre_hz / half);
        first..bin(centre_hz * half).max(first + 1)
    })
}

/// Envelopes of the output of one sequence and the slopes of the loss by them.
#[derive(Default)]
pub struct Envelopes {
    /// `[T][ENVELOPES]`
    output: Vec<f32>,
    /// `[T][ENVELOPES]`: derivative of the loss by each envelope's square, times 2.
    slope: Vec<f32>,
}

impl Envelopes {
    /// Starts a sequence.
    pub fn start(&mut self, frames: usize) {
        self.output.clear();
        self.slope.clear();
        self.slope.resize(frames * ENVELOPES, 0.0);
    }

    /// Takes the bin gains of the next frame.
    pub fn push(&mut self, bands: &[std::ops::Range<usize>; ENVELOPES], mask: &[f32], mix_power: &[f32]) {
        self.output.extend(bands.iter().map(|band| {
            let powers = mask[band.clone()].iter().zip(&mix_power[band.clone()]);
            (powers.map(|(g, xx)| g * g * xx).sum::<f32>() + 1e-12).sqrt()
        }));
    }

    /// `weight` times one minus the mean correlation; keeps its slopes.
    pub fn finish(&mut self, example: &Prepared, weight: f32) -> f64 {
        let frames = example.frames;
        let spans = (frames / SPAN_FRAMES).max(1);
        let bounds = |span: usize| span * frames / spans..(span + 1) * frames / spans;
        let energy = |span: usize, band: usize| -> f32 {
            let values = bounds(span).map(|t| example.speech_envelope[t * ENVELOPES + band]);
            values.map(|x| x * x).sum()
        };
        let all = (0..spans).flat_map(|span| (0..ENVELOPES).map(move |band| (span, band)));
        let loudest = all.clone().map(|(s, b)| energy(s, b)).fold(0.0, f32::max);
        let counted: Vec<(usize, usize)> = all
            .filter(|&(s, b)| loudest > 0.0 && energy(s, b) > LEAST_SHARE * loudest)
            .collect();
        if counted.is_empty() {
            return 0.0;
        }
        let share = weight / counted.len() as f32;
        let mut loss = 0.0;
        for (span, band) in counted {
            let correlation = self.correlate(example, bounds(span), band, share);
            loss += f64::from(share * (1.0 - correlation));
        }
        loss
    }

    /// Correlation of the two envelopes of a band over a span; subtracts `share` times its derivative from the slopes.
    fn correlate(&mut self, example: &Prepared, span: std::ops::Range<usize>, band: usize, share: f32) -> f32 {
        let length = span.len() as f32;
        let at = |t: usize| t * ENVELOPES + band;
        let mean = |values: &[f32]| span.clone().map(|t| values[at(t)]).sum::<f32>() / length;
        let (mean_x, mean_y) = (mean(&example.speech_envelope), mean(&self.output));
        let (mut xx, mut yy, mut xy) = (1e-12, 1e-12, 0.0);
        for t in span.clone() {
            let (x, y) = (example.speech_envelope[at(t)] - mean_x, self.output[at(t)] - mean_y);
            xx += x * x;
            yy += y * y;
            xy += x * y;
        }
        let correlation = xy / (xx * yy).sqrt();
        for t in span {
            let (x, y) = (example.speech_envelope[at(t)] - mean_x, self.output[at(t)] - mean_y);
            let derivative = (x / xx.sqrt() - correlation * y / yy.sqrt()) / yy.sqrt();
            self.slope[at(t)] -= share * derivative / self.output[at(t)];
        }
        correlation
    }

    /// Adds the derivative of frame `t` by the bin gains.
    pub fn add_gradient(
        &self,
        t: usize,
        bands: &[std::ops::Range<usize>; ENVELOPES],
        mask: &[f32],
        mix_power: &[f32],
        gradient: &mut [f32],
    ) {
        let slopes = &self.slope[t * ENVELOPES..(t + 1) * ENVELOPES];
        for (band, slope) in bands.iter().zip(slopes) {
            for bin in band.clone() {
                gradient[bin] += slope * mask[bin] * mix_power[bin];
            }
        }
    }
}
