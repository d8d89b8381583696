//! A lock-free link that hands the newest value from one thread to another: meter frames from the audio thread to the
//! panel, learnt noise from a background task to the audio thread.

use std::sync::Arc;

use crossbeam_utils::atomic::AtomicCell;

/// Room for one value. The `Option` is always full between two calls: it only lets a box leave its place for the swap.
type Place<T> = Option<Box<Slot<T>>>;

#[derive(Default)]
struct Slot<T> {
    value: T,
    /// Whether the reader has not had the value yet.
    fresh: bool,
}

const _: () = assert!(
    AtomicCell::<Place<u8>>::is_lock_free(),
    "a swap of places is one atomic instruction"
);

/// Writing end of a triple buffer: wait-free, no allocation of its own.
///
/// Three slots go round: one being written, one being read, and the newest in the middle. Values are only ever replaced
/// and dropped by the writer.
pub struct Writer<T> {
    back: Place<T>,
    middle: Arc<AtomicCell<Place<T>>>,
}

/// Reading end: wait-free, drops nothing.
pub struct Reader<T> {
    front: Place<T>,
    middle: Arc<AtomicCell<Place<T>>>,
}

/// Makes a connected pair. Allocates.
#[must_use]
pub fn channel<T: Default>() -> (Writer<T>, Reader<T>) {
    let empty = || Some(Box::<Slot<T>>::default());
    let middle = Arc::new(AtomicCell::new(empty()));
    (
        Writer {
            back: empty(),
            middle: middle.clone(),
        },
        Reader { front: empty(), middle },
    )
}

impl<T> Writer<T> {
    /// Hands over what `fill` writes, in place of a value that the reader has not taken. What `fill` leaves as it is holds
    /// an older value.
    pub fn publish(&mut self, fill: impl FnOnce(&mut T)) {
        if let Some(slot) = &mut self.back {
            fill(&mut slot.value);
            slot.fresh = true;
        }
        self.back = self.middle.swap(self.back.take());
    }
}

impl<T> Reader<T> {
    /// The newest value, if one has come since the last call.
    pub fn take_new(&mut self) -> Option<&T> {
        if let Some(slot) = &mut self.front {
            slot.fresh = false;
        }
        self.front = self.middle.swap(self.front.take());
        self.front.as_deref().filter(|slot| slot.fresh).map(|slot| &slot.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::{MAX_ATOMS, MeterFrame};

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
