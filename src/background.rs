//! What an active plugin leaves to a thread of its own: learning noise, and taking up the noise of a restored session.
//!
//! The thread looks for work a few times per second, so that the audio thread never has to wake it. The framework's own
//! background tasks are not used: a task that is still queued when its instance goes ends the thread that all instances
//! share, and the next one to go takes the host with it (nice-plug 0.4.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::noise_profile::NoiseProfile;
use crate::params::UnfoldParams;
use crate::shared::EditorShared;

/// How often the thread looks for work.
const INTERVAL: Duration = Duration::from_millis(150);

/// The thread, from activation until this is dropped.
pub struct Background {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Background {
    /// Starts the thread. A system that has no thread to give leaves LEARN without effect.
    #[must_use]
    pub fn start(params: Arc<UnfoldParams>, shared: Arc<EditorShared>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            while !stopped.load(Ordering::Acquire) {
                look(&params, &shared);
                std::thread::park_timeout(INTERVAL);
            }
        };
        let thread = std::thread::Builder::new().name("unfold-learn".to_owned()).spawn(work);
        Self {
            thread: thread.ok(),
            stop,
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic over there has been reported already, and audio goes on without.
            let _ = thread.join();
        }
    }
}

fn look(params: &UnfoldParams, shared: &EditorShared) {
    if params.noise.take_restored() {
        shared.learner().send(recall(params, shared));
        shared.repaint().request_repaint();
    }
    if let Some(verdict) = shared.learner().take_heard() {
        if let Some(profile) = shared.learner().learn(verdict, &shared.model()) {
            params.noise.keep(Some(&profile));
        }
        shared.repaint().request_repaint();
    }
}

/// The noise saved with the session, where the model in use can take it; otherwise the panel says why not.
pub fn recall(params: &UnfoldParams, shared: &EditorShared) -> Option<NoiseProfile> {
    let checked = params.noise.recall()?.and_then(|profile| {
        profile.check(&shared.model().config)?;
        Ok(profile)
    });
    checked
        .inspect_err(|error| {
            shared
                .learner()
                .say(format!("the session's noise is not used: {error}"))
        })
        .ok()
}
