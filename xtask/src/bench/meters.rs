//! What an open panel costs the audio thread: the engine with meter frames at the plugin's rate, beside the engine alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use unfold::engine::{Engine, Settings};
use unfold::meters::{FRAME_INTERVAL_HOPS, MeterFrame};
use unfold::model::Model;
use unfold::units::hop_samples;

use super::lane::{PEER_RATE_HZ, SIGNAL_HOPS, Signal};

/// Frames that the plugin's triple buffer holds.
const SLOTS: usize = 3;
/// Hops with one frame among them.
const STRETCH: usize = FRAME_INTERVAL_HOPS as usize;

/// Median cost with the panel's meters over the cost without, at full depth, 48 kHz mono: 1.01 is one per cent more.
///
/// One and the same engine runs stretches of a few hops, every second one with a frame at its end: two engines would
/// differ by more than a frame costs, because they lie elsewhere in memory. Frames go round three slots, as in the
/// plugin, so that they are as warm in the caches as there.
///
/// # Errors
/// As [`Engine::new`].
pub fn ratio(model: &Arc<Model>, hops: usize) -> Result<f64> {
    let signal = Signal::Voice.samples(PEER_RATE_HZ);
    let mut engine = Engine::new(model.clone(), PEER_RATE_HZ, 1)?;
    let mut buffers = vec![vec![0.0; hop_samples(PEER_RATE_HZ)]; STRETCH];
    let mut slots = vec![Box::new(MeterFrame::default()); SLOTS];
    // Times without and with a frame.
    let mut times_us = [Vec::new(), Vec::new()];
    let stretches = (2 * hops / STRETCH).max(2);
    for stretch in 0..stretches {
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let hop = (stretch * STRETCH + index) % SIGNAL_HOPS;
            let samples = buffer.len();
            buffer.copy_from_slice(&signal[hop * samples..(hop + 1) * samples]);
        }
        let with_frame = stretch % 2;
        let begin = Instant::now();
        for buffer in &mut buffers {
            engine.process(&Settings::default(), &mut [buffer]);
        }
        if with_frame == 1 {
            let slot = &mut slots[stretch / 2 % SLOTS];
            engine.meter_frame(slot);
            black_box(slot);
        }
        times_us[with_frame].push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let [without, with] = times_us.map(|mut times_us: Vec<f64>| {
        times_us.sort_by(f64::total_cmp);
        times_us[times_us.len() / 2]
    });
    Ok(with / without)
}
