//! The lock-free link from the audio thread to the panel.

use std::sync::Arc;

use crossbeam_utils::atomic::AtomicCell;

use crate::meters::MeterFrame;

/// Room for one frame. The `Option` is always full between two calls: it only lets a box leave its place for the swap.
type Place = Option<Box<Slot>>;

#[derive(Default)]
struct Slot {
    frame: MeterFrame,
    /// Whether the panel has not had the frame yet.
    fresh: bool,
}

const _: () = assert!(
    AtomicCell::<Place>::is_lock_free(),
    "a swap of places is one atomic instruction"
);

/// Audio thread's end of a triple buffer: wait-free, no allocation.
///
/// Three slots go round: one being written, one being read, and the newest in the middle.
pub struct MeterWriter {
    back: Place,
    middle: Arc<AtomicCell<Place>>,
}

/// Panel's end.
pub struct MeterReader {
    front: Place,
    middle: Arc<AtomicCell<Place>>,
}

/// Makes a connected pair. Allocates.
#[must_use]
pub fn channel() -> (MeterWriter, MeterReader) {
    let empty = || Some(Box::<Slot>::default());
    let middle = Arc::new(AtomicCell::new(empty()));
    (
        MeterWriter {
            back: empty(),
            middle: middle.clone(),
        },
        MeterReader { front: empty(), middle },
    )
}

impl MeterWriter {
    /// Hands the panel the frame that `fill` writes, in place of one that the panel has not taken. What `fill` leaves
    /// as it is holds an older frame.
    pub fn publish(&mut self, fill: impl FnOnce(&mut MeterFrame)) {
        if let Some(slot) = &mut self.back {
            fill(&mut slot.frame);
            slot.fresh = true;
        }
        self.back = self.middle.swap(self.back.take());
    }
}

impl MeterReader {
    /// The newest frame, if one has come since the last call.
    pub fn take_new(&mut self) -> Option<&MeterFrame> {
        if let Some(slot) = &mut self.front {
            slot.fresh = false;
        }
        self.front = self.middle.swap(self.front.take());
        self.front.as_deref().filter(|slot| slot.fresh).map(|slot| &slot.frame)
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
    fn reader_gets_the_newest_frame_once() {
        let (mut writer, mut reader) = channel();
        assert_eq!(reader.take_new(), None);
        writer.publish(|slot| *slot = frame(1));
        writer.publish(|slot| *slot = frame(2));
        assert_eq!(reader.take_new(), Some(&frame(2)));
        assert_eq!(reader.take_new(), None);
        assert_eq!(reader.take_new(), None);
        writer.publish(|slot| *slot = frame(3));
        assert_eq!(reader.take_new(), Some(&frame(3)));
    }

    #[test]
    fn frames_cross_threads_whole_and_in_order() {
        const LAST: u32 = 10_000;
        let (mut writer, mut reader) = channel();
        let audio =
            std::thread::spawn(move || (1..=LAST).for_each(|depth| writer.publish(|slot| *slot = frame(depth))));
        let mut last = 0;
        while last < LAST {
            let finished = audio.is_finished();
            let Some(seen) = reader.take_new() else {
                assert!(!finished, "the newest frame was lost");
                continue;
            };
            assert!(seen.depth > last, "frame {} came after {last}", seen.depth);
            assert_eq!(*seen, frame(seen.depth), "a mixture of two frames");
            last = seen.depth;
        }
        audio.join().expect("the writer finishes");
        assert_eq!(reader.take_new(), None);
    }
}
