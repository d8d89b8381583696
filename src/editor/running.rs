//! Tells whether audio runs, from the news that come from the audio thread.

use std::time::Duration;

/// Audio counts as running for so long after the last news, in seconds.
const RUNNING_S: f64 = 0.5;
/// Timers may be early by so much.
const MARGIN_S: f64 = 0.02;

/// Whether audio runs, and how deep the network.
#[derive(Debug, Default)]
pub struct Running {
    depth: u32,
    /// `None` while audio rests.
    last_news_s: Option<f64>,
    /// When the look after the end is due that was asked for. Every request may cost the window a frame of its own, so
    /// there is one at a time.
    look_s: Option<f64>,
}

impl Running {
    /// Starts in a new window, with a new clock.
    pub fn opened(&mut self) {
        self.look_s = None;
        self.last_news_s = self.last_news_s.map(|_| 0.0);
    }

    /// A frame came in which `depth` layers ran.
    pub fn news(&mut self, depth: u32, time_s: f64) {
        self.depth = depth;
        self.last_news_s = Some(time_s);
    }

    /// True once, when nothing has come for a while.
    pub fn has_stopped(&mut self, time_s: f64) -> bool {
        let stopped = self.last_news_s.is_some_and(|news_s| time_s - news_s >= RUNNING_S);
        if stopped {
            *self = Self::default();
        }
        stopped
    }

    /// After what time to look again whether audio has stopped, unless that look is on its way.
    pub fn next_look(&mut self, time_s: f64) -> Option<Duration> {
        let due_s = self.last_news_s? + RUNNING_S + MARGIN_S;
        if self.look_s.is_some_and(|look_s| time_s < look_s) {
            return None;
        }
        self.look_s = Some(due_s);
        Some(Duration::from_secs_f64((due_s - time_s).max(0.0)))
    }

    /// Layers that run; 0 while audio rests.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether audio runs.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.last_news_s.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_runs_until_news_stop() {
        let mut running = Running::default();
        assert!(!running.has_stopped(10.0) && !running.is_on());
        running.news(3, 10.0);
        assert!(!running.has_stopped(10.4));
        assert_eq!(running.depth(), 3);
        assert!(running.has_stopped(10.5));
        assert_eq!(running.depth(), 0);
        assert!(!running.has_stopped(10.6), "told once");
    }

    #[test]
    fn one_look_at_a_time_is_asked_for_and_none_at_rest() {
        let mut running = Running::default();
        assert_eq!(running.next_look(10.0), None);
        running.news(3, 10.0);
        let look = running.next_look(10.0).expect("a look after the end");
        assert!((look.as_secs_f64() - (RUNNING_S + MARGIN_S)).abs() < 1e-6);
        running.news(3, 10.4);
        assert_eq!(running.next_look(10.4), None);
        let look = running.next_look(10.53).expect("the next look");
        assert!((look.as_secs_f64() - (0.4 + RUNNING_S + MARGIN_S - 0.53)).abs() < 1e-6);
        assert!(running.has_stopped(11.0));
        assert_eq!(running.next_look(11.0), None);
    }

    #[test]
    fn a_new_window_finds_out_that_audio_stopped_while_none_was_open() {
        let mut running = Running::default();
        running.news(3, 100.0);
        running.opened();
        assert!(running.next_look(0.0).is_some());
        assert!(running.has_stopped(0.6));
    }
}
