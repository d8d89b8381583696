//! PESQ-WB (ITU-T P.862.2) by the `pesq` crate.

/// MOS-LQO of 16 kHz signals, about 1.0..4.64; `None` when the model finds no speech to compare.
///
/// The model works on 16-bit samples and aligns levels itself, so both signals are scaled by one common
/// gain to full scale first.
pub fn pesq_wb(estimate: &[f32], reference: &[f32]) -> Option<f64> {
    let (estimate, reference) = super::common_length(estimate, reference);
    let peak = estimate
        .iter()
        .chain(reference)
        .fold(0.0_f32, |peak, x| peak.max(x.abs()));
    if peak == 0.0 {
        return None;
    }
    let to_pcm = |signal: &[f32]| -> Vec<i16> {
        let gain = f32::from(i16::MAX) / peak;
        signal.iter().map(|x| (x * gain).round() as i16).collect()
    };
    ::pesq::pesq_wb(&to_pcm(reference), &to_pcm(estimate))
        .ok()
        .map(f64::from)
}
