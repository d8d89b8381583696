//! How much of its time processing takes, and how many layers can be afforded when it takes too much.
//!
//! Pure bookkeeping: no clock, no allocation. Whoever calls it measures.

use std::time::Duration;

/// Measures the share of the available time that processing takes, as a fraction of 1.
///
/// Calls are pooled to windows, the host's blocks: a host that automates may cut a block into single samples, and all
/// of a hop's work falls into one of them. Windows are pooled to periods of at least one hop, because of several short
/// blocks only one does a hop's work; a period counts as its worst window.
#[derive(Clone, Copy, Debug)]
pub struct LoadMeter {
    sample_rate_hz: f64,
    window_samples: usize,
    period_samples: usize,
    window: Pool,
    period: Period,
    worst: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    samples: usize,
    time: Duration,
}

/// A stretch of at least one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Period {
    /// How much audio it was.
    pub samples: usize,
    /// The worst window's share of its time.
    pub load: f32,
}

impl LoadMeter {
    /// Factor per second by which a past peak fades.
    const DECAY_PER_SECOND: f32 = 0.3;

    /// A meter for one activation: blocks of at most `max_block_samples`, hops of `hop_samples`.
    #[must_use]
    pub fn new(sample_rate_hz: f64, max_block_samples: usize, hop_samples: usize) -> Self {
        Self {
            sample_rate_hz,
            // Some hosts announce far longer blocks than they send: a hop is the longest window.
            window_samples: max_block_samples.clamp(1, hop_samples.max(1)),
            period_samples: hop_samples.max(1),
            window: Pool::default(),
            period: Period::default(),
            worst: 0.0,
        }
    }

    /// Adds a call that processed `samples` in `time`; returns the period that it completed, if it did.
    pub fn record(&mut self, samples: usize, time: Duration) -> Option<Period> {
        self.window.samples += samples;
        self.window.time += time;
        if self.window.samples < self.window_samples {
            return None;
        }
        let window = std::mem::take(&mut self.window);
        let load = window.time.as_secs_f32() / self.seconds(window.samples);
        self.period.samples += window.samples;
        self.period.load = self.period.load.max(load);
        if self.period.samples < self.period_samples {
            return None;
        }
        let period = std::mem::take(&mut self.period);
        let fade = Self::DECAY_PER_SECOND.powf(self.seconds(period.samples));
        self.worst = period.load.max(self.worst * fade);
        Some(period)
    }

    /// The load to show: the worst of the last second or so.
    #[must_use]
    pub fn worst(&self) -> f32 {
        self.worst
    }

    /// Duration of some audio.
    #[must_use]
    pub fn seconds(&self, samples: usize) -> f32 {
        (samples as f64 / self.sample_rate_hz) as f32
    }
}

/// Lowers the depth that runs while processing takes too long, and raises it again when there is room.
///
/// Down within [`DepthGuard::STRIKES`] periods of overload, one layer at a time; up one layer after
/// [`DepthGuard::CALM_S`] seconds at no more than half the budget. One layer more can at most double the load, so that
/// a steady load never makes it swing.
#[derive(Clone, Copy, Debug)]
pub struct DepthGuard {
    layers: usize,
    limit: usize,
    strikes: u32,
    calm_s: f32,
}

impl DepthGuard {
    /// Share of a block's time that processing may take. The rest belongs to the host and its other plugins.
    pub const BUDGET: f32 = 0.5;
    /// Overloaded periods that lower the depth. Each good one takes one back: a machine that does something else now
    /// and then is not overloaded.
    pub const STRIKES: u32 = 4;
    /// Seconds of audio at low load before the depth rises by one.
    pub const CALM_S: f32 = 5.0;
    /// Load below which there is room for another layer.
    const CALM_LOAD: f32 = Self::BUDGET / 2.0;
    /// Calm seconds that one second without room takes back: rare peaks delay the rise, frequent ones prevent it.
    const UNREST: f32 = 10.0;

    /// A guard that allows all of a model's `layers`.
    #[must_use]
    pub fn new(layers: usize) -> Self {
        let layers = layers.max(1);
        Self {
            layers,
            limit: layers,
            strikes: 0,
            calm_s: 0.0,
        }
    }

    /// Most layers to run now, `1..=layers`.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes in the load of `seconds` of audio in which `depth` layers ran.
    pub fn record(&mut self, load: f32, seconds: f32, depth: usize) {
        if load < Self::CALM_LOAD {
            self.calm_s += seconds;
        } else {
            self.calm_s = (self.calm_s - Self::UNREST * seconds).max(0.0);
        }
        if load > Self::BUDGET {
            self.strikes += 1;
        } else {
            self.strikes = self.strikes.saturating_sub(1);
        }
        if self.strikes >= Self::STRIKES {
            self.strikes = 0;
            self.calm_s = 0.0;
            self.limit = self.limit.min(depth).saturating_sub(1).max(1);
        } else if self.calm_s >= Self::CALM_S {
            self.calm_s = 0.0;
            self.limit = (self.limit + 1).min(self.layers);
        }
    }
}

#[cfg(test)]
mod tests;
