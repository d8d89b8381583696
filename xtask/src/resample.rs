//! Whole-signal sample-rate conversion with the converter's delay removed.

use anyhow::{Context, Result};
use rubato::{FftFixedIn, Resampler};

const CHUNK_SAMPLES: usize = 4096;

/// `mono` at another rate, aligned with the input; its length is scaled by the ratio of the rates, rounded down.
///
/// # Errors
/// The converter refuses the pair of rates.
pub fn resample(mono: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>> {
    if from_hz == to_hz || mono.is_empty() {
        return Ok(mono.to_vec());
    }
    let mut converter = FftFixedIn::<f32>::new(from_hz as usize, to_hz as usize, CHUNK_SAMPLES, 1, 1)
        .with_context(|| format!("cannot convert from {from_hz} Hz to {to_hz} Hz"))?;
    let wanted = (mono.len() as u64 * u64::from(to_hz) / u64::from(from_hz)) as usize;
    let delay = converter.output_delay();
    let mut out = Vec::with_capacity(wanted + delay + 4 * CHUNK_SAMPLES);
    let mut position = 0;
    while out.len() < wanted + delay {
        let count = converter.input_frames_next();
        let chunk = &mono[position.min(mono.len())..(position + count).min(mono.len())];
        // Past the end the converter is fed silence until its delay line is empty.
        let input = (!chunk.is_empty()).then_some([chunk]);
        let produced = converter.process_partial(input.as_ref().map(|input| input.as_slice()), None)?;
        out.extend_from_slice(&produced[0]);
        position += count;
    }
    out.drain(..delay);
    out.truncate(wanted);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate_hz: u32, length: usize) -> Vec<f32> {
        (0..length)
            .map(|n| (std::f64::consts::TAU * 700.0 * n as f64 / f64::from(rate_hz)).sin() as f32)
            .collect()
    }

    #[test]
    fn keeps_time_and_level() {
        for (from_hz, to_hz) in [(16_000, 48_000), (44_100, 48_000), (48_000, 16_000), (22_050, 48_000)] {
            let out = resample(&sine(from_hz, from_hz as usize), from_hz, to_hz).unwrap();
            assert_eq!(out.len(), to_hz as usize);
            let expected = sine(to_hz, out.len());
            let middle = out.len() / 4..out.len() * 3 / 4;
            let worst = middle.map(|n| (out[n] - expected[n]).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{from_hz} to {to_hz}: off by {worst}");
        }
    }
}
