//! Many instances of the built plugin in one process: what a session with it on every track pays beyond the engines.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use unfold::units::hop_samples;

use super::instances::INSTANCES;
use super::lane::{PEER_RATE_HZ, Signal, quantile};
use crate::host::{Playing, PluginFile};
use crate::soak::resident_kb;

/// Longest block that the instances are activated for.
const LARGEST_BLOCK_SAMPLES: usize = 480;
/// A hop per block, and a small block as musicians set it.
const BLOCKS_SAMPLES: [usize; 2] = [LARGEST_BLOCK_SAMPLES, 64];
/// Time is taken over stretches of this many hops: the shortest that hold the same work at both block lengths.
const STRETCH_HOPS: usize = 2;
/// Stretches at each block length: 6 s of audio.
const STRETCHES: usize = 300;

/// [`INSTANCES`] active stereo instances at 48 kHz and full depth in one process.
#[derive(Serialize)]
pub struct Plugins {
    /// How many.
    pub count: usize,
    /// Median time to create, initialise and activate one of them.
    pub creation_ms: f64,
    /// The slowest; the first one also unpacks the model that all share.
    pub slowest_creation_ms: f64,
    /// Resident memory that each instance after the first has added once it has played; `None` where the system does not
    /// tell.
    pub memory_kb: Option<f64>,
    /// All of them taking turns on one core, at each block length.
    pub turns: Vec<Turns>,
}

/// What it takes when every instance processes a block, then every one the next.
#[derive(Serialize)]
pub struct Turns {
    /// Block length.
    pub block_samples: usize,
    /// Median time of a stretch of two hops over the time that it lasts: the share of one core.
    pub share_of_core: f64,
    /// The same for the worst stretch in a hundred.
    pub p99_share_of_core: f64,
    /// The worst single block in a hundred over the time that it lasts. Instances that were started together reach the
    /// end of a hop in the same block: in blocks shorter than a hop this one does the work of all of that hop.
    pub p99_share_of_block: f64,
}

impl Plugins {
    /// Measures the plugin of a built `.clap` file; takes a few seconds.
    ///
    /// # Errors
    /// The plugin does not load, or refuses to be made, activated or run.
    pub fn measure(clap: &Path) -> Result<Self> {
        let file = PluginFile::load(clap)?;
        let signal = Signal::Voice.samples(PEER_RATE_HZ);
        let (mut instances, mut times_ms) = (Vec::new(), Vec::new());
        let mut one_kb = None;
        while instances.len() < INSTANCES {
            let begin = Instant::now();
            instances.push(file.instance(PEER_RATE_HZ, LARGEST_BLOCK_SAMPLES)?);
            times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
            if instances.len() == 1 {
                // What all share is there now, and is no instance's own.
                Turns::measure(&mut instances, &signal, LARGEST_BLOCK_SAMPLES)?;
                one_kb = resident_kb();
            }
        }
        let turns = BLOCKS_SAMPLES.map(|block_samples| Turns::measure(&mut instances, &signal, block_samples));
        let turns = turns.into_iter().collect::<Result<_>>()?;
        let growth_kb = one_kb.zip(resident_kb()).map(|(one, all)| all.saturating_sub(one));
        instances.into_iter().for_each(Playing::close);
        Ok(Self {
            count: INSTANCES,
            creation_ms: quantile(&times_ms, 0.5),
            slowest_creation_ms: quantile(&times_ms, 1.0),
            memory_kb: growth_kb.map(|growth| growth as f64 / (INSTANCES - 1) as f64),
            turns,
        })
    }
}

impl Turns {
    fn measure(instances: &mut [Playing], signal: &[f32], block_samples: usize) -> Result<Self> {
        let stretch = STRETCH_HOPS * hop_samples(PEER_RATE_HZ);
        let seconds = |samples: usize| samples as f64 / PEER_RATE_HZ;
        let (mut shares, mut block_shares) = (Vec::new(), Vec::new());
        for samples in signal.chunks_exact(stretch).cycle().take(STRETCHES) {
            let mut spent_s = 0.0;
            for block in samples.chunks_exact(block_samples) {
                instances.iter_mut().for_each(|instance| instance.fill(block));
                let begin = Instant::now();
                for instance in instances.iter_mut() {
                    instance.process(block_samples)?;
                }
                let block_s = begin.elapsed().as_secs_f64();
                block_shares.push(block_s / seconds(block_samples));
                spent_s += block_s;
            }
            shares.push(spent_s / seconds(stretch));
        }
        Ok(Self {
            block_samples,
            share_of_core: quantile(&shares, 0.5),
            p99_share_of_core: quantile(&shares, 0.99),
            p99_share_of_block: quantile(&block_shares, 0.99),
        })
    }
}
