//! The lock-free link from the audio thread to the panel: meter frames and the load meter.

use std::time::Duration;

use ringbuf::storage::Heap;
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{CachingCons, CachingProd, SharedRb};
use std::sync::Arc;

use crate::meters::MeterFrame;

/// Frames in flight. The panel takes the newest, so a few are enough; a full ring drops the frame, never waits.
const CAPACITY_FRAMES: usize = 4;

type Ring = Arc<SharedRb<Heap<MeterFrame>>>;

/// Audio thread's end: wait-free, no allocation.
pub struct MeterWriter {
    ring: CachingProd<Ring>,
}

/// Panel's end.
pub struct MeterReader {
    ring: CachingCons<Ring>,
    latest: Option<MeterFrame>,
}

/// Makes a connected pair. Allocates.
#[must_use]
pub fn channel() -> (MeterWriter, MeterReader) {
    let (writer, reader) = SharedRb::<Heap<MeterFrame>>::new(CAPACITY_FRAMES).split();
    (MeterWriter { ring: writer }, MeterReader { ring: reader, latest: None })
}

impl MeterWriter {
    /// Hands a frame to the panel; drops it when the panel is [`CAPACITY_FRAMES`] behind.
    pub fn publish(&mut self, frame: &MeterFrame) {
        // A full ring is no error: the panel is about to read four frames that are newer than what it shows.
        let _ = self.ring.try_push(*frame);
    }
}

impl MeterReader {
    /// The newest frame received so far, or `None` before the first one.
    pub fn latest(&mut self) -> Option<&MeterFrame> {
        while let Some(frame) = self.ring.try_pop() {
            self.latest = Some(frame);
        }
        self.latest.as_ref()
    }
}

/// Share of the available time that processing takes: the worst of the last second or so, as a fraction of 1.
///
/// Blocks are pooled until they cover one hop, because a whole hop's work falls into one of several short blocks.
#[derive(Clone, Copy, Debug)]
pub struct LoadMeter {
    window_samples: usize,
    sample_rate_hz: f64,
    pooled_samples: usize,
    pooled_time: Duration,
    worst: f32,
}

impl LoadMeter {
    /// Factor per second by which a past peak fades.
    const DECAY_PER_SECOND: f32 = 0.3;

    /// A meter for one activation; `window_samples` is the hop.
    #[must_use]
    pub fn new(sample_rate_hz: f64, window_samples: usize) -> Self {
        Self {
            window_samples: window_samples.max(1),
            sample_rate_hz,
            pooled_samples: 0,
            pooled_time: Duration::ZERO,
            worst: 0.0,
        }
    }

    /// Adds one block of `samples` that took `time`; returns the load to show.
    pub fn record(&mut self, samples: usize, time: Duration) -> f32 {
        self.pooled_samples += samples;
        self.pooled_time += time;
        if self.pooled_samples >= self.window_samples {
            let audio_seconds = (self.pooled_samples as f64 / self.sample_rate_hz) as f32;
            let load = self.pooled_time.as_secs_f32() / audio_seconds;
            self.worst = load.max(self.worst * Self::DECAY_PER_SECOND.powf(audio_seconds));
            self.pooled_samples = 0;
            self.pooled_time = Duration::ZERO;
        }
        self.worst
    }
}
