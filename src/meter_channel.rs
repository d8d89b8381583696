//! The lock-free link from the audio thread to the panel: meter frames and the load meter.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::atomic::AtomicCell;

use crate::meters::MeterFrame;

/// Room for one frame; the inner `Option` is empty when the panel has the frame already.
///
/// The outer one is always full between two calls: it only lets a box leave its place for the swap.
type Slot = Option<Box<Option<MeterFrame>>>;

const _: () = assert!(
    AtomicCell::<Slot>::is_lock_free(),
    "a swap of slots is one atomic instruction"
);

/// Audio thread's end of a triple buffer: wait-free, no allocation.
///
/// Three slots go round: one being written, one being read, and the newest in the middle.
pub struct MeterWriter {
    back: Slot,
    middle: Arc<AtomicCell<Slot>>,
}

/// Panel's end.
pub struct MeterReader {
    front: Slot,
    middle: Arc<AtomicCell<Slot>>,
    latest: Option<MeterFrame>,
}

/// Makes a connected pair. Allocates.
#[must_use]
pub fn channel() -> (MeterWriter, MeterReader) {
    let empty = || Some(Box::new(None));
    let middle = Arc::new(AtomicCell::new(empty()));
    (
        MeterWriter {
            back: empty(),
            middle: middle.clone(),
        },
        MeterReader {
            front: empty(),
            middle,
            latest: None,
        },
    )
}

impl MeterWriter {
    /// Hands a frame to the panel, in place of one that the panel has not taken.
    pub fn publish(&mut self, frame: &MeterFrame) {
        if let Some(slot) = &mut self.back {
            **slot = Some(*frame);
        }
        self.back = self.middle.swap(self.back.take());
    }
}

impl MeterReader {
    /// The newest frame received so far, or `None` before the first one.
    pub fn latest(&mut self) -> Option<&MeterFrame> {
        self.front = self.middle.swap(self.front.take());
        if let Some(frame) = self.front.as_mut().and_then(|slot| slot.take()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::MAX_ATOMS;

    fn frame(depth: u32) -> MeterFrame {
        MeterFrame {
            depth,
            activations: [depth as f32; MAX_ATOMS],
            ..MeterFrame::default()
        }
    }

    #[test]
    fn reader_sees_the_newest_frame_and_keeps_it() {
        let (mut writer, mut reader) = channel();
        assert_eq!(reader.latest(), None);
        writer.publish(&frame(1));
        writer.publish(&frame(2));
        assert_eq!(reader.latest(), Some(&frame(2)));
        assert_eq!(reader.latest(), Some(&frame(2)));
    }

    #[test]
    fn a_late_reader_gets_the_newest_frame() {
        let (mut writer, mut reader) = channel();
        for depth in 0..100 {
            writer.publish(&frame(depth));
        }
        assert_eq!(reader.latest(), Some(&frame(99)));
        writer.publish(&frame(100));
        assert_eq!(reader.latest(), Some(&frame(100)));
    }

    #[test]
    fn frames_cross_threads_whole_and_in_order() {
        let (mut writer, mut reader) = channel();
        let audio = std::thread::spawn(move || (1..=10_000).for_each(|depth| writer.publish(&frame(depth))));
        let mut last = 0;
        while !audio.is_finished() {
            let Some(seen) = reader.latest() else { continue };
            assert!(seen.depth >= last, "frame {} came after {last}", seen.depth);
            assert_eq!(*seen, frame(seen.depth), "a mixture of two frames");
            last = seen.depth;
        }
        audio.join().expect("the writer finishes");
        assert_eq!(reader.latest(), Some(&frame(10_000)));
    }

    #[test]
    fn load_is_time_used_by_time_available() {
        // 480 samples at 48 kHz last 10 ms.
        let mut meter = LoadMeter::new(48_000.0, 480);
        assert!((meter.record(480, Duration::from_millis(1)) - 0.1).abs() < 1e-6);
        assert!((meter.record(480, Duration::from_millis(5)) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn short_blocks_are_pooled_to_a_hop() {
        let mut meter = LoadMeter::new(48_000.0, 480);
        // All of the hop's work in one block of one sample is no overload.
        assert_eq!(meter.record(1, Duration::from_millis(1)), 0.0);
        assert!((meter.record(479, Duration::ZERO) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn peaks_fade_within_seconds() {
        let mut meter = LoadMeter::new(48_000.0, 480);
        meter.record(480, Duration::from_millis(9));
        let after_a_second = (0..100).map(|_| meter.record(480, Duration::ZERO)).last();
        assert!(
            after_a_second.is_some_and(|load| (0.2..0.35).contains(&load)),
            "{after_a_second:?}"
        );
    }
}
