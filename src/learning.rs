//! LEARN: what plays while the parameter is on goes, hop by hop and without a lock, to a background thread that fits
//! noise atoms to it and hands them back.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::engine::Engine;
use crate::learn::{LEAST_HOPS, LearnError, SampleCheck};
use crate::meters::DISPLAY_BANDS;
use crate::model::Config;
use crate::noise_profile::{NoiseProfile, ProfileError};
use crate::params::NoiseMemory;
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
    /// [`NoiseMemory::changes`] when LEARN went on.
    changes: u32,
}

/// Everyone else's part.
pub struct Learner {
    hops: Mutex<Option<HeapCons<f32>>>,
    to_audio: Mutex<Writer<Option<NoiseProfile>>>,
    /// What the audio thread was sent last, for the panel.
    in_use: Mutex<Option<NoiseProfile>>,
    /// [`NOTHING`], or what was heard; until it is fetched, LEARN does not go on again.
    heard: AtomicU8,
    /// [`NoiseMemory::changes`] before what was heard.
    changes: AtomicU32,
    /// Hops collected since LEARN went on; 0 while it is off.
    listening_hops: AtomicU32,
    message: Mutex<Message>,
}

/// What LEARN heard from going on to going off.
pub struct Heard {
    verdict: Result<(), LearnError>,
    /// `[N][bands]`
    hops: Vec<f32>,
    changes: u32,
}

/// What the panel is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// One sentence; empty when there is nothing to say.
    pub sentence: String,
    /// Whether it is bad news.
    pub bad: bool,
}

impl Message {
    /// Plain news.
    #[must_use]
    pub fn good(sentence: String) -> Self {
        Self { sentence, bad: false }
    }

    /// Bad news.
    #[must_use]
    pub fn bad(sentence: String) -> Self {
        Self { sentence, bad: true }
    }
}

impl Capture {
    /// Takes note of the parameter before a block is processed; when it goes off, there is something to learn from.
    /// `changes` are those of the session's noise so far. Audio thread.
    pub fn switch(&mut self, on: bool, changes: u32, learner: &Learner) {
        if !on {
            self.stop(learner);
        } else if !self.on && learner.heard.load(Ordering::Acquire) == NOTHING {
            // Else the hops of the last time come first.
            self.check = SampleCheck::default();
            self.changes = changes;
            self.on = true;
        }
    }

    /// LEARN goes off, if it was on: what was heard may be learnt. Audio thread and deactivation.
    pub fn stop(&mut self, learner: &Learner) {
        if !std::mem::take(&mut self.on) {
            return;
        }
        learner.listening_hops.store(0, Ordering::Relaxed);
        learner.changes.store(self.changes, Ordering::Relaxed);
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

    /// Looks at a block's input, as long as there is room for its hops. Audio thread.
    pub fn check(&mut self, channels: &[&mut [f32]]) {
        if self.has_room() {
            channels.iter().for_each(|channel| self.check.push(channel));
        }
    }

    /// Keeps the engine's last hop, as long as there is room. Audio thread.
    pub fn keep_hop(&mut self, engine: &Engine, learner: &Learner) {
        if self.has_room() {
            engine.noise_magnitudes_into(&mut self.magnitudes);
            self.hops.push_slice(&self.magnitudes);
            learner.listening_hops.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn has_room(&self) -> bool {
        self.hops.vacant_len() >= self.magnitudes.len()
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
            changes: AtomicU32::new(0),
            listening_hops: AtomicU32::new(0),
            message: Mutex::default(),
        }
    }

    /// A fresh capture for hops of `bands` bands; an older one is heard no more. Allocates: activation.
    pub fn capture(&self, bands: usize) -> Capture {
        let (producer, consumer) = HeapRb::new(MOST_HOPS * bands).split();
        *lock(&self.hops) = Some(consumer);
        self.heard.store(NOTHING, Ordering::Release);
        self.listening_hops.store(0, Ordering::Relaxed);
        Capture {
            hops: producer,
            magnitudes: vec![0.0; bands],
            check: SampleCheck::default(),
            on: false,
            changes: 0,
        }
    }

    /// What LEARN heard since the last call. Background thread.
    #[must_use]
    pub fn take_heard(&self) -> Option<Heard> {
        let verdict = match self.heard.load(Ordering::Acquire) {
            NOTHING => return None,
            SOUND => Ok(()),
            NOT_FINITE => Err(LearnError::NotFinite),
            _ => Err(LearnError::Clipped),
        };
        let hops = lock(&self.hops).as_mut().map(|hops| hops.pop_iter().collect());
        let heard = Heard {
            verdict,
            hops: hops.unwrap_or_default(),
            changes: self.changes.load(Ordering::Relaxed),
        };
        self.heard.store(NOTHING, Ordering::Release);
        Some(heard)
    }

    /// Fits atoms to what was heard and puts them into `memory` and into use; a noise that cannot be learnt changes
    /// nothing, nor does one that was begun before `memory` changed. Leaves a sentence either way. Background thread.
    pub fn learn(&self, heard: Heard, memory: &NoiseMemory, config: &Config) {
        let learnt = heard
            .verdict
            .and_then(|()| NoiseProfile::learn(config, &heard.hops))
            .map_err(|error| error.to_string())
            .and_then(|profile| match profile.check(config) {
                Ok(()) => Ok(profile),
                Err(error) => Err(error.to_string()),
            });
        match learnt {
            Ok(profile) => {
                if memory.keep_since(heard.changes, &profile) {
                    self.take_up(memory, config);
                    let seconds = (heard.hops.len() / config.bands()) as f64 * HOP_S;
                    self.say(format!("learnt {seconds:.1} s of noise"));
                }
            }
            Err(error) => self.warn(format!("nothing learnt: {error}")),
        }
    }

    /// Hands what the session keeps to the audio thread and the panel; where the model cannot use it, nothing, and the
    /// panel says why. Any thread but the audio thread.
    pub fn take_up(&self, memory: &NoiseMemory, config: &Config) {
        // Held while the memory is read: of two threads the later one hands over the newer noise.
        let mut to_audio = lock(&self.to_audio);
        let recalled = memory.recall().transpose().and_then(|profile| {
            profile.as_ref().map_or(Ok(()), |profile| profile.check(config))?;
            Ok::<_, ProfileError>(profile)
        });
        let profile = match recalled {
            Ok(profile) => {
                self.say(String::new());
                profile
            }
            Err(error) => {
                self.warn(format!("the session's noise is not used: {error}"));
                None
            }
        };
        lock(&self.in_use).clone_from(&profile);
        to_audio.publish(|slot| *slot = profile);
    }

    /// Whether the audio thread was sent a noise. Panel.
    #[must_use]
    pub fn uses_noise(&self) -> bool {
        lock(&self.in_use).is_some()
    }

    /// Spectrum of a learnt atom in display bands, linear magnitude with peak 1; zeros if there is none. Panel.
    pub fn atom_spectrum(&self, atom: usize, out: &mut [f32; DISPLAY_BANDS]) {
        match &*lock(&self.in_use) {
            Some(profile) => profile.atom_spectrum(atom, out),
            None => out.fill(0.0),
        }
    }

    /// Leaves a sentence for the panel; an empty one takes the last one back.
    pub fn say(&self, sentence: String) {
        *lock(&self.message) = Message::good(sentence);
    }

    /// Leaves a sentence that is bad news.
    pub fn warn(&self, sentence: String) {
        *lock(&self.message) = Message::bad(sentence);
    }

    /// What the panel says: while LEARN is `on`, how long it has listened, or else the sentence about the last attempt.
    #[must_use]
    pub fn message(&self, on: bool) -> Message {
        let hops = self.listening_hops.load(Ordering::Relaxed);
        if hops == 0 || !on {
            return lock(&self.message).clone();
        }
        let seconds = f64::from(hops) * HOP_S;
        Message::good(if (hops as usize) < LEAST_HOPS {
            format!("listening, {seconds:.1} s: keep on")
        } else if (hops as usize) < MOST_HOPS {
            format!("listening, {seconds:.1} s")
        } else {
            format!("heard {seconds:.0} s, that is enough")
        })
    }
}

/// A panic elsewhere leaves each of these whole: they are only ever replaced.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
