//! Scores of an enhanced signal against its clean reference.
//!
//! Every function takes `(estimate, reference)`, two mono signals of equal length with the delay already
//! removed: a single sample of shift costs SI-SDR several dB. Signals of unequal length are cut to the
//! shorter one. SI-SDR and SDR work at any sample rate; STOI, ESTOI and PESQ-WB expect 16 kHz.

mod pesq;
mod sdr;
mod stoi;

pub use pesq::pesq_wb;
pub use sdr::SdrReference;
pub use stoi::{estoi, stoi};

/// Scale-invariant signal-to-distortion ratio in dB.
///
/// Both means are removed; the part of the estimate that is a multiple of the reference is the target, all
/// else is distortion. `+inf` for an exact multiple, NaN when the reference is silent.
pub fn si_sdr_db(estimate: &[f32], reference: &[f32]) -> f64 {
    let (estimate, reference) = common_length(estimate, reference);
    let (estimate_mean, reference_mean) = (mean(estimate), mean(reference));
    let centred = || {
        estimate
            .iter()
            .zip(reference)
            .map(|(&e, &r)| (f64::from(e) - estimate_mean, f64::from(r) - reference_mean))
    };
    let (cross, reference_energy) =
        centred().fold((0.0, 0.0), |(cross, energy), (e, r)| (cross + e * r, energy + r * r));
    let scale = cross / reference_energy;
    // The residual is summed sample by sample: a difference of energies would lose every ratio above about 150 dB.
    let (target, distortion) = centred().fold((0.0, 0.0), |(target, distortion), (e, r)| {
        let projected = scale * r;
        (
            target + projected * projected,
            distortion + (e - projected) * (e - projected),
        )
    });
    10.0 * (target / distortion).log10()
}

fn mean(signal: &[f32]) -> f64 {
    signal.iter().map(|&x| f64::from(x)).sum::<f64>() / signal.len().max(1) as f64
}

fn common_length<'a>(a: &'a [f32], b: &'a [f32]) -> (&'a [f32], &'a [f32]) {
    let length = a.len().min(b.len());
    (&a[..length], &b[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn si_sdr_ignores_gain_and_offset_but_not_added_noise() {
        let reference: Vec<f32> = (0..1000).map(|n| (n as f32 * 0.1).sin()).collect();
        // Orthogonal to the reference up to the window's ends, one tenth of its amplitude: 20 dB.
        let noisy: Vec<f32> = (0..1000)
            .map(|n| 3.0 * ((n as f32 * 0.1).sin() + 0.1 * (n as f32 * 0.7).cos()) + 0.5)
            .collect();
        assert!((si_sdr_db(&noisy, &reference) - 20.0).abs() < 0.1);
        let scaled: Vec<f32> = reference.iter().map(|x| 4.0 * x).collect();
        assert!(si_sdr_db(&scaled, &reference) > 120.0);
    }
}
