//! LEARN from one end to the other, without a plugin around it.

use super::*;
use crate::engine::Settings;
use crate::model_file;
use crate::triple_buffer::{self, Reader};

const HOP: usize = 480;

fn noise(n: usize) -> f32 {
    let x = (n as u32).wrapping_mul(2_654_435_761) ^ (n as u32 >> 3);
    (x.wrapping_mul(1_664_525) >> 8) as f32 / (1 << 25) as f32 - 0.25
}

/// An engine that plays, a session that keeps, and LEARN between them.
struct Room {
    engine: Engine,
    config: Config,
    memory: NoiseMemory,
    learner: Learner,
    capture: Capture,
    at_audio: Reader<Option<NoiseProfile>>,
}

impl Room {
    fn new() -> Self {
        let model = model_file::shipped();
        let (writer, at_audio) = triple_buffer::channel();
        let learner = Learner::new(writer);
        Self {
            capture: learner.capture(model.config.bands()),
            config: model.config.clone(),
            engine: Engine::new(model, 48e3, 1).expect("an engine"),
            memory: NoiseMemory::default(),
            learner,
            at_audio,
        }
    }

    fn switch(&mut self, on: bool) {
        self.capture.switch(on, self.memory.changes(), &self.learner);
    }

    fn play(&mut self, hops: usize, sample: impl Fn(usize) -> f32) {
        for hop in 0..hops {
            let mut block: Vec<f32> = (0..HOP).map(|n| sample(hop * HOP + n)).collect();
            let mut channels = [&mut block[..]];
            let (capture, learner) = (&mut self.capture, &self.learner);
            if capture.is_on() {
                capture.check(&channels);
            }
            self.engine.process_with(&Settings::default(), &mut channels, |engine| {
                if capture.is_on() {
                    capture.keep_hop(engine, learner);
                }
            });
        }
    }

    /// A gesture of LEARN over `hops` hops.
    fn gesture(&mut self, hops: usize, sample: impl Fn(usize) -> f32) {
        self.switch(true);
        self.play(hops, sample);
        self.switch(false);
    }

    /// The background's turn.
    fn learn(&mut self) {
        let heard = self.learner.take_heard().expect("something heard");
        self.learner.learn(heard, &self.memory, &self.config);
    }

    fn kept(&self) -> Option<NoiseProfile> {
        self.memory.recall().map(|kept| kept.expect("a whole profile"))
    }

    fn sent(&mut self) -> Option<NoiseProfile> {
        self.at_audio.take_new().cloned().flatten()
    }

    fn said(&self) -> String {
        self.learner.message(false).sentence
    }
}

#[test]
fn a_noise_becomes_atoms_that_the_session_keeps_and_the_audio_thread_gets() {
    let mut room = Room::new();
    room.switch(true);
    assert!(room.learner.take_heard().is_none());
    room.play(300, noise);
    room.switch(false);
    room.learn();
    assert_eq!(room.said(), "learnt 3.0 s of noise");
    let sent = room.sent();
    assert!(sent.is_some() && sent == room.kept() && room.learner.uses_noise());
}

#[test]
fn a_long_noise_is_heard_for_ten_seconds_and_what_comes_later_spoils_nothing() {
    let mut room = Room::new();
    room.gesture(1200, |n| if n > 1100 * HOP { f32::NAN } else { noise(n) });
    room.learn();
    assert_eq!(room.said(), "learnt 10.0 s of noise");
}

#[test]
fn a_bad_noise_changes_nothing_and_says_why() {
    let nothing = |hops: usize, sample: fn(usize) -> f32, why: &str| {
        let mut room = Room::new();
        room.gesture(hops, sample);
        room.learn();
        assert_eq!((room.kept(), room.sent()), (None, None), "{why}");
        let message = room.learner.message(false);
        assert_eq!(message.sentence, format!("nothing learnt: {why}"));
        assert!(message.bad);
    };
    nothing(300, |_| 0.0, "there was only silence or speech to learn from");
    nothing(
        10,
        noise,
        "only 0.1 s of noise to learn from, at least 0.4 s are needed",
    );
    nothing(
        300,
        |n| 6.0 * noise(n),
        "the noise was clipped; lower the input and learn again",
    );
    let broken = |n: usize| if n == 777 { f32::NAN } else { noise(n) };
    nothing(300, broken, "the noise held samples that are not numbers");
}

#[test]
fn what_the_user_chose_meanwhile_stays() {
    let mut room = Room::new();
    room.gesture(100, noise);
    room.learn();
    let chosen = room.sent().expect("a noise");

    // Another noise is begun, and something else chosen before it is learnt.
    room.gesture(100, |n| noise(n / 8));
    room.memory.keep(Some(&chosen));
    room.learn();
    assert_eq!((room.kept(), room.sent()), (Some(chosen), None));

    room.switch(true);
    room.play(100, noise);
    room.memory.keep(None);
    room.switch(false);
    room.learn();
    assert_eq!((room.kept(), room.sent()), (None, None));
}

#[test]
fn the_next_gesture_waits_until_the_last_one_was_fetched() {
    let mut room = Room::new();
    room.gesture(100, |n| 6.0 * noise(n));
    room.gesture(100, noise);
    room.learn();
    assert_eq!(
        room.said(),
        "nothing learnt: the noise was clipped; lower the input and learn again"
    );
    assert!(room.learner.take_heard().is_none());
    room.gesture(100, noise);
    room.learn();
    assert_eq!(room.said(), "learnt 1.0 s of noise");
}

#[test]
fn a_session_noise_that_the_model_cannot_use_is_told_until_one_can() {
    let mut room = Room::new();
    room.gesture(100, noise);
    room.learn();
    let mut other = room.config.clone();
    other.band_centres_hz[0] += 1.0;
    room.learner.take_up(&room.memory, &other);
    assert!(room.sent().is_none() && !room.learner.uses_noise());
    assert!(room.learner.message(false).bad);
    room.learner.take_up(&room.memory, &room.config);
    assert!(room.sent().is_some());
    assert_eq!(room.learner.message(false), Message::default());
}

#[test]
fn listening_is_told_while_it_lasts() {
    let mut room = Room::new();
    room.switch(true);
    room.play(20, noise);
    let said = |room: &Room| room.learner.message(true).sentence;
    assert_eq!(said(&room), "listening, 0.2 s: keep on");
    room.play(130, noise);
    assert_eq!(said(&room), "listening, 1.5 s");
    // Let go, but the host does not play on.
    assert_eq!(room.said(), "");
    room.switch(false);
    assert_eq!(said(&room), "");
}
