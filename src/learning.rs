//! LEARN: what plays while the parameter is on goes, hop by hop and without a lock, to a background thread that fits
//! noise atoms to it and hands them back.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::engine::Engine;
use crate::learn::{LEAST_HOPS, LearnError, SampleCheck};
use crate::meters::DISPLAY_BANDS;
use crate::model::Model;
use crate::noise_profile::NoiseProfile;
use crate::triple_buffer::Writer;
use crate::units::HOP_S;

/// Longest noise that is learnt from: 10 s. What plays on after it is not listened to.
const MOST_HOPS: usize = 1000;

/// Whether LEARN has something to be learnt from, as the audio thread tells it.
const NOTHING: u8 = 0;
const SOUND: u8 = 1;
const CLIPPED: u8 = 2;
const NOT_FINITE: u8 = 3;

/// Audio thread's part: collects hops while LEARN is on.
pub struct Capture {
    hops: HeapProd<f32>,
    /// One hop `[F]`.
    magnitudes: Vec<f32>,
    check: SampleCheck,
    on: bool,
}

/// Everyone else's part.
pub struct Learner {
    hops: Mutex<Option<HeapCons<f32>>>,
    to_audio: Mutex<Writer<Option<NoiseProfile>>>,
    /// What the audio thread was sent last, for the panel.
    in_use: Mutex<Option<NoiseProfile>>,
    /// [`NOTHING`], or what was heard.
    heard: AtomicU8,
    /// Hops collected since LEARN went on; 0 while it is off.
    listening_hops: AtomicU32,
    /// One sentence about the last attempt; empty when there is nothing to say.
    message: Mutex<String>,
}

impl Capture {
    /// Takes note of the parameter before a block is processed; when it goes off, there is something to learn from. Audio
    /// thread.
    pub fn switch(&mut self, on: bool, learner: &Learner) {
        if on == self.on {
            return;
        }
        self.on = on;
        if on {
            self.check = SampleCheck::default();
            return;
        }
        learner.listening_hops.store(0, Ordering::Relaxed);
        let heard = match self.check.verdict() {
            Ok(()) => SOUND,
            Err(LearnError::NotFinite) => NOT_FINITE,
            Err(_) => CLIPPED,
        };
        learner.heard.store(heard, Ordering::Release);
    }

    /// Whether LEARN is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Looks at a block's input. Audio thread.
    pub fn check(&mut self, channels: &[&mut [f32]]) {
        channels.iter().for_each(|channel| self.check.push(channel));
    }

    /// Keeps the engine's last hop, as long as there is room. Audio thread.
    pub fn keep_hop(&mut self, engine: &Engine, learner: &Learner) {
        if self.hops.vacant_len() < self.magnitudes.len() {
            return;
        }
        engine.band_magnitudes_into(&mut self.magnitudes);
        self.hops.push_slice(&self.magnitudes);
        learner.listening_hops.fetch_add(1, Ordering::Relaxed);
    }
}

impl Learner {
    /// Hands atoms to the audio thread through `to_audio`.
    #[must_use]
    pub fn new(to_audio: Writer<Option<NoiseProfile>>) -> Self {
        Self {
            hops: Mutex::new(None),
            to_audio: Mutex::new(to_audio),
            in_use: Mutex::new(None),
            heard: AtomicU8::new(NOTHING),
            listening_hops: AtomicU32::new(0),
            message: Mutex::new(String::new()),
        }
    }

    /// A fresh capture for hops of `bands` bands; an older one is heard no more. Allocates: activation.
    pub fn capture(&self, bands: usize) -> Capture {
        let (producer, consumer) = HeapRb::new(MOST_HOPS * bands).split();
        *lock(&self.hops) = Some(consumer);
        self.listening_hops.store(0, Ordering::Relaxed);
        Capture {
            hops: producer,
            magnitudes: vec![0.0; bands],
            check: SampleCheck::default(),
            on: false,
        }
    }

    /// What LEARN heard since the last call: sound, or samples that are no noise. Background thread.
    pub fn take_heard(&self) -> Option<Result<(), LearnError>> {
        match self.heard.swap(NOTHING, Ordering::Acquire) {
            NOTHING => None,
            SOUND => Some(Ok(())),
            NOT_FINITE => Some(Err(LearnError::NotFinite)),
            _ => Some(Err(LearnError::Clipped)),
        }
    }

    /// Fits atoms to what was heard and hands them to the audio thread; a noise that cannot be learnt changes nothing.
    /// Leaves a sentence either way. Background thread.
    pub fn learn(&self, heard: Result<(), LearnError>, model: &Model) -> Option<NoiseProfile> {
        let hops: Vec<f32> = lock(&self.hops)
            .as_mut()
            .map(|hops| hops.pop_iter().collect())
            .unwrap_or_default();
        let learnt = heard
            .and_then(|()| NoiseProfile::learn(&model.config, &hops))
            .map_err(|error| error.to_string())
            .and_then(|profile| match profile.check(&model.config) {
                Ok(()) => Ok(profile),
                Err(error) => Err(error.to_string()),
            });
        match learnt {
            Ok(profile) => {
                let seconds = (hops.len() / model.config.bands()) as f64 * HOP_S;
                self.say(format!("learnt {seconds:.1} s of noise"));
                self.send(Some(profile.clone()));
                Some(profile)
            }
            Err(error) => {
                self.say(format!("nothing learnt: {error}"));
                None
            }
        }
    }

    /// Hands atoms, or none, to the audio thread. Any thread but that one.
    pub fn send(&self, profile: Option<NoiseProfile>) {
        self.in_use(profile.clone());
        lock(&self.to_audio).publish(|slot| *slot = profile);
    }

    /// Notes what the engine has, where it was handed over by activation itself.
    pub fn in_use(&self, profile: Option<NoiseProfile>) {
        *lock(&self.in_use) = profile;
    }

    /// Spectrum of a learnt atom in display bands, linear magnitude with peak 1; zeros if there is none. Panel.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        match &*lock(&self.in_use) {
            Some(profile) => profile.atom_spectrum(atom, out),
            None => out.fill(0.0),
        }
    }

    /// Leaves a sentence for the panel.
    pub fn say(&self, sentence: String) {
        *lock(&self.message) = sentence;
    }

    /// What the panel says: how long LEARN has listened, or the sentence about the last attempt.
    #[must_use]
    pub fn sentence(&self) -> String {
        let hops = self.listening_hops.load(Ordering::Relaxed);
        if hops == 0 {
            return lock(&self.message).clone();
        }
        let seconds = f64::from(hops) * HOP_S;
        if (hops as usize) < LEAST_HOPS {
            format!("listening, {seconds:.1} s: keep on")
        } else if (hops as usize) < MOST_HOPS {
            format!("listening, {seconds:.1} s")
        } else {
            format!("heard {seconds:.0} s, that is enough")
        }
    }
}

/// A panic elsewhere leaves each of these whole: they are only ever replaced.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Settings;
    use crate::model_file;
    use crate::triple_buffer;

    const HOP: usize = 480;

    fn play(capture: &mut Capture, learner: &Learner, engine: &mut Engine, hops: usize, sample: impl Fn(usize) -> f32) {
        for hop in 0..hops {
            let mut block: Vec<f32> = (0..HOP).map(|n| sample(hop * HOP + n)).collect();
            let mut channels = [&mut block[..]];
            capture.check(&channels);
            engine.process_with(&Settings::default(), &mut channels, |engine| {
                capture.keep_hop(engine, learner);
            });
        }
    }

    fn noise(n: usize) -> f32 {
        let x = (n as u32).wrapping_mul(2_654_435_761) ^ (n as u32 >> 3);
        (x.wrapping_mul(1_664_525) >> 8) as f32 / (1 << 25) as f32 - 0.25
    }

    /// What a gesture of LEARN over `hops` hops gives, what is said, and what the audio thread gets.
    fn gesture(hops: usize, sample: impl Fn(usize) -> f32) -> (Option<NoiseProfile>, String, Option<NoiseProfile>) {
        let model = model_file::shipped();
        let mut engine = Engine::new(model.clone(), 48e3, 1).expect("an engine");
        let (writer, mut reader) = triple_buffer::channel();
        let learner = Learner::new(writer);
        let mut capture = learner.capture(model.config.bands());
        capture.switch(true, &learner);
        assert_eq!(learner.take_heard(), None);
        play(&mut capture, &learner, &mut engine, hops, sample);
        capture.switch(false, &learner);
        let heard = learner.take_heard().expect("something heard");
        let learnt = learner.learn(heard, &model);
        let sent = reader.take_new().cloned().flatten();
        (learnt, learner.sentence(), sent)
    }

    #[test]
    fn a_noise_becomes_atoms_that_the_audio_thread_gets() {
        let (learnt, said, sent) = gesture(300, noise);
        assert!(learnt.is_some() && learnt == sent);
        assert_eq!(said, "learnt 3.0 s of noise");
    }

    #[test]
    fn a_long_noise_is_heard_for_ten_seconds() {
        assert_eq!(gesture(1200, noise).1, "learnt 10.0 s of noise");
    }

    #[test]
    fn a_bad_noise_changes_nothing_and_says_why() {
        let nothing = |hops: usize, sample: fn(usize) -> f32, why: &str| {
            let (learnt, said, sent) = gesture(hops, sample);
            assert_eq!((learnt, sent), (None, None), "{why}");
            assert_eq!(said, format!("nothing learnt: {why}"));
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
    fn listening_is_told_while_it_lasts() {
        let model = model_file::shipped();
        let mut engine = Engine::new(model.clone(), 48e3, 1).expect("an engine");
        let learner = Learner::new(triple_buffer::channel().0);
        let mut capture = learner.capture(model.config.bands());
        capture.switch(true, &learner);
        play(&mut capture, &learner, &mut engine, 20, noise);
        assert_eq!(learner.sentence(), "listening, 0.2 s: keep on");
        play(&mut capture, &learner, &mut engine, 130, noise);
        assert_eq!(learner.sentence(), "listening, 1.5 s");
        capture.switch(false, &learner);
        assert_eq!(learner.sentence(), "");
    }
}
