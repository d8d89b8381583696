//! The window's own thread, and waiting for its end.
//!
//! On Linux a window has a thread, which may go on for a while after the window was dropped. A host that destroys the
//! parent window, unloads the plugin or exits in the meantime would pull the ground from under it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Longest wait, for a thread that hangs.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Where the window's thread leaves its name; empty where windows have no thread of their own that the system shows.
pub type ThreadName = Arc<OnceLock<PathBuf>>;

/// The system's folder of the calling thread, which exists as long as the thread. Linux only; `None` elsewhere.
pub fn calling_thread() -> Option<PathBuf> {
    std::fs::canonicalize("/proc/thread-self").ok()
}

/// Waits for the end of a thread when it is dropped.
pub struct ThreadEnd(ThreadName);

impl ThreadEnd {
    /// Will wait for the thread that has put its name into `thread` by then.
    pub fn of(thread: ThreadName) -> Self {
        Self(thread)
    }
}

impl Drop for ThreadEnd {
    fn drop(&mut self) {
        let Some(thread) = self.0.get() else { return };
        if calling_thread().as_ref() == Some(thread) {
            return;
        }
        let end = Instant::now() + PATIENCE;
        while thread.exists() && Instant::now() < end {
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_end_of_a_thread_is_waited_for() {
        let name = ThreadName::default();
        let thread = {
            let name = name.clone();
            std::thread::spawn(move || {
                name.set(calling_thread().expect("Linux shows threads"))
                    .expect("set once");
                std::thread::sleep(Duration::from_millis(50));
            })
        };
        let folder = name.wait().clone();
        assert!(folder.exists());
        drop(ThreadEnd::of(name));
        assert!(!folder.exists());
        thread.join().expect("no panic");
    }

    #[test]
    fn nothing_waits_for_no_thread_or_for_itself() {
        drop(ThreadEnd::of(ThreadName::default()));
        let name = ThreadName::default();
        if let Some(own) = calling_thread() {
            name.set(own).expect("set once");
        }
        let start = Instant::now();
        drop(ThreadEnd::of(name));
        assert!(start.elapsed() < PATIENCE);
    }
}
