//! What an active plugin leaves to a thread of its own: learning noise, and taking up the noise of a restored session.
//!
//! The thread looks for work a few times per second, so that the audio thread never has to wake it. The framework's own
//! background tasks are not used: a task that is still queued when its instance goes ends the thread that all instances
//! share, and the next one to go takes the host with it (nice-plug 0.4.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

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
            // LEARN may have been let go just now.
            look(&params, &shared);
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
    let learner = shared.learner();
    if params.noise.take_restored() {
        learner.take_up(&params.noise, &shared.model().config);
        shared.repaint().request_repaint();
    }
    if let Some(heard) = learner.take_heard() {
        learner.learn(heard, &params.noise, &shared.model().config);
        shared.repaint().request_repaint();
    }
}
