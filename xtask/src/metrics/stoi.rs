//! Short-time objective intelligibility, plain and extended.
//!
//! C. Taal et al., "An Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy Speech", 2011;
//! J. Jensen, C. Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated Noise
//! Maskers", 2016. Conventions (windows, frame count, resampling filter) are those of `pystoi`, so that the
//! figures compare with published ones.

use realfft::RealFftPlanner;

const MODEL_RATE_HZ: f64 = 10_000.0;
const FRAME_SAMPLES: usize = 256;
const HOP_SAMPLES: usize = FRAME_SAMPLES / 2;
const FFT_SAMPLES: usize = 512;
const BANDS: usize = 15;
const LOWEST_CENTRE_HZ: f64 = 150.0;
/// Frames per segment, 384 ms.
const SEGMENT_FRAMES: usize = 30;
/// Frames of the reference further than this below its loudest frame are dropped from both signals.
const DYNAMIC_RANGE_DB: f64 = 40.0;
/// Lower bound of the signal-to-distortion ratio per band and frame.
const CLIP_DB: f64 = -15.0;
/// What `pystoi` answers for signals shorter than one segment.
const TOO_SHORT: f64 = 1e-5;

/// Band envelopes of one signal: `[band][frame]`.
type Envelopes = Vec<Vec<f64>>;

/// Score of one segment, rows `[band][frame]`: (estimate, reference).
type SegmentScore = fn(&[&[f64]], &[&[f64]]) -> f64;

/// STOI of 16 kHz signals, about 0..1.
pub fn stoi(estimate: &[f32], reference: &[f32]) -> f64 {
    score(estimate, reference, segment_stoi)
}

/// Extended STOI of 16 kHz signals, about 0..1.
pub fn estoi(estimate: &[f32], reference: &[f32]) -> f64 {
    score(estimate, reference, segment_estoi)
}

/// Mean of `segment_score` over all segments of SEGMENT_FRAMES frames.
fn score(estimate: &[f32], reference: &[f32], segment_score: SegmentScore) -> f64 {
    let (estimate, reference) = super::common_length(estimate, reference);
    let (estimate, reference) = (to_model_rate(estimate), to_model_rate(reference));
    let (estimate, reference) = drop_silence(&estimate, &reference);
    let (estimate, reference) = (envelopes(&estimate), envelopes(&reference));
    let frames = reference[0].len();
    if frames < SEGMENT_FRAMES {
        return TOO_SHORT;
    }
    let segments = frames - SEGMENT_FRAMES + 1;
    let total: f64 = (0..segments)
        .map(|start| segment_score(&segment(&estimate, start), &segment(&reference, start)))
        .sum();
    total / segments as f64
}

fn segment(envelopes: &Envelopes, start: usize) -> Vec<&[f64]> {
    envelopes
        .iter()
        .map(|band| &band[start..start + SEGMENT_FRAMES])
        .collect()
}

/// Mean over bands of the correlation between the reference's and the level-matched, clipped envelope.
fn segment_stoi(estimate: &[&[f64]], reference: &[&[f64]]) -> f64 {
    let clip = 1.0 + 10_f64.powf(-CLIP_DB / 20.0);
    let correlations = estimate.iter().zip(reference).map(|(estimate, reference)| {
        let gain = norm(reference) / (norm(estimate) + f64::EPSILON);
        let mut clipped: Vec<f64> = estimate
            .iter()
            .zip(*reference)
            .map(|(e, r)| (e * gain).min(r * clip))
            .collect();
        let mut reference = reference.to_vec();
        standardise(&mut clipped);
        standardise(&mut reference);
        clipped.iter().zip(&reference).map(|(e, r)| e * r).sum::<f64>()
    });
    correlations.sum::<f64>() / BANDS as f64
}

/// Correlation of the two segments after standardising rows (bands), then columns (frames).
fn segment_estoi(estimate: &[&[f64]], reference: &[&[f64]]) -> f64 {
    let (estimate, reference) = (standardised_columns(estimate), standardised_columns(reference));
    let products = estimate
        .iter()
        .flatten()
        .zip(reference.iter().flatten())
        .map(|(e, r)| e * r);
    products.sum::<f64>() / SEGMENT_FRAMES as f64
}

/// Columns (frames) of a segment whose rows were standardised before.
fn standardised_columns(segment: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = segment.iter().map(|row| row.to_vec()).collect();
    rows.iter_mut().for_each(|row| standardise(row));
    let column = |frame: usize| rows.iter().map(|row| row[frame]).collect::<Vec<f64>>();
    let mut columns: Vec<Vec<f64>> = (0..SEGMENT_FRAMES).map(column).collect();
    columns.iter_mut().for_each(|column| standardise(column));
    columns
}

/// Zero mean, unit norm.
fn standardise(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|x| *x -= mean);
    let norm = norm(values) + f64::EPSILON;
    values.iter_mut().for_each(|x| *x /= norm);
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// 16 kHz to 10 kHz: 5/8 polyphase, Kaiser-windowed sinc of 60 dB rejection (Octave's `resample`).
fn to_model_rate(signal: &[f32]) -> Vec<f64> {
    const UP: usize = 5;
    const DOWN: usize = 8;
    let cutoff = 1.0 / (2.0 * DOWN as f64);
    let rejection_db = 60.0;
    let half = ((rejection_db - 8.0) / (28.714 * cutoff / 10.0)).ceil() as usize;
    let beta = 0.1102 * (rejection_db - 8.7);
    let mut taps: Vec<f64> = (0..=2 * half)
        .map(|index| {
            let position = index as f64 - half as f64;
            let phase = 2.0 * cutoff * position * std::f64::consts::PI;
            let sinc = if index == half { 1.0 } else { phase.sin() / phase };
            sinc * bessel_i0(beta * (1.0 - (position / half as f64).powi(2)).max(0.0).sqrt())
        })
        .collect();
    let gain = UP as f64 / taps.iter().sum::<f64>();
    taps.iter_mut().for_each(|tap| *tap *= gain);
    (0..(signal.len() * UP).div_ceil(DOWN))
        .map(|out| {
            // Position of this output, and of each input, on the common grid of 80 kHz.
            let centre = out * DOWN + half;
            let first = (out * DOWN).saturating_sub(half).div_ceil(UP);
            let last = signal.len().min(centre / UP + 1);
            (first..last)
                .map(|index| f64::from(signal[index]) * taps[centre - index * UP])
                .sum()
        })
        .collect()
}

/// Modified Bessel function of the first kind, order zero.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// Hann window without its zero end points.
fn window() -> Vec<f64> {
    (1..=FRAME_SAMPLES)
        .map(|n| 0.5 - 0.5 * (2.0 * std::f64::consts::PI * n as f64 / (FRAME_SAMPLES + 1) as f64).cos())
        .collect()
}

fn frame_starts(length: usize) -> impl Iterator<Item = usize> {
    (0..length.saturating_sub(FRAME_SAMPLES)).step_by(HOP_SAMPLES)
}

/// Drops the frames where the reference is silent from both signals and joins the rest by overlap-add.
fn drop_silence(estimate: &[f64], reference: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let window = window();
    let level_db = |start: usize| {
        let energy: f64 = reference[start..]
            .iter()
            .zip(&window)
            .map(|(x, w)| (x * w).powi(2))
            .sum();
        20.0 * (energy.sqrt() + f64::EPSILON).log10()
    };
    let levels_db: Vec<(usize, f64)> = frame_starts(reference.len())
        .map(|start| (start, level_db(start)))
        .collect();
    let loudest_db = levels_db
        .iter()
        .map(|&(_, level)| level)
        .fold(f64::NEG_INFINITY, f64::max);
    let kept: Vec<usize> = levels_db
        .iter()
        .filter(|(_, level)| level + DYNAMIC_RANGE_DB > loudest_db)
        .map(|&(start, _)| start)
        .collect();
    let join = |signal: &[f64]| {
        let mut joined = vec![0.0; kept.len().saturating_sub(1) * HOP_SAMPLES + FRAME_SAMPLES];
        for (index, &start) in kept.iter().enumerate() {
            let frame = signal[start..start + FRAME_SAMPLES].iter().zip(&window);
            for (slot, (x, w)) in joined[index * HOP_SAMPLES..].iter_mut().zip(frame) {
                *slot += x * w;
            }
        }
        joined
    };
    (join(estimate), join(reference))
}

/// One-third octave magnitudes, `[band][frame]`.
fn envelopes(signal: &[f64]) -> Envelopes {
    let fft = RealFftPlanner::new().plan_fft_forward(FFT_SAMPLES);
    let (mut padded, mut bins) = (fft.make_input_vec(), fft.make_output_vec());
    let (window, bands) = (window(), band_bins());
    let mut envelopes = vec![Vec::new(); BANDS];
    for start in frame_starts(signal.len()) {
        padded.fill(0.0);
        for (slot, (x, w)) in padded.iter_mut().zip(signal[start..].iter().zip(&window)) {
            *slot = x * w;
        }
        fft.process(&mut padded, &mut bins).expect("buffers made by this plan");
        for (envelope, range) in envelopes.iter_mut().zip(&bands) {
            envelope.push(bins[range.clone()].iter().map(|bin| bin.norm_sqr()).sum::<f64>().sqrt());
        }
    }
    envelopes
}

/// Bins of each one-third octave band, edges rounded to the nearest bin.
fn band_bins() -> Vec<std::ops::Range<usize>> {
    let bin = |hz: f64| (hz * FFT_SAMPLES as f64 / MODEL_RATE_HZ).round() as usize;
    let edge_hz = |band: usize, side: f64| LOWEST_CENTRE_HZ * 2_f64.powf((2.0 * band as f64 + side) / 6.0);
    (0..BANDS)
        .map(|band| bin(edge_hz(band, -1.0))..bin(edge_hz(band, 1.0)))
        .collect()
}
