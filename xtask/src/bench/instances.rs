//! Many engines in one process, as a session with the plugin on every track has, and what making one and learning take.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use unfold::engine::{Engine, Settings, noise_magnitudes};
use unfold::model::Model;
use unfold::noise_profile::NoiseProfile;
use unfold::units::{HOP_S, hop_samples};

use super::lane::{PEER_RATE_HZ, Signal, quantile};

/// Engines that run side by side.
pub const INSTANCES: usize = 32;
/// Rounds of one hop of every engine.
const ROUNDS: usize = 300;

/// Cost of [`INSTANCES`] stereo engines at 48 kHz and full depth that take turns hop by hop on one core.
#[derive(Serialize)]
pub struct Instances {
    /// How many.
    pub count: usize,
    /// Median time of one hop of all of them, over the time that a hop lasts: the share of one core.
    pub share_of_core: f64,
    /// The same for the worst hop in a hundred.
    pub p99_share_of_core: f64,
}

impl Instances {
    /// Measures; takes a few seconds.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn measure(model: &Arc<Model>) -> Result<Self> {
        let settings = Settings {
            layers: model.layers(),
            ..Settings::default()
        };
        let engine = || Engine::new(model.clone(), PEER_RATE_HZ, 2);
        let mut engines = (0..INSTANCES).map(|_| engine()).collect::<Result<Vec<_>, _>>()?;
        let hop = hop_samples(PEER_RATE_HZ);
        let signal = Signal::Voice.samples(PEER_RATE_HZ);
        let mut buffers = vec![[vec![0.0; hop], vec![0.0; hop]]; INSTANCES];
        let mut shares = Vec::with_capacity(ROUNDS);
        for input in signal.chunks_exact(hop).cycle().take(ROUNDS) {
            buffers.iter_mut().flatten().for_each(|b| b.copy_from_slice(input));
            let begin = Instant::now();
            for (engine, [left, right]) in engines.iter_mut().zip(&mut buffers) {
                engine.process(&settings, &mut [left, right]);
            }
            shares.push(begin.elapsed().as_secs_f64() / HOP_S);
        }
        Ok(Self {
            count: INSTANCES,
            share_of_core: quantile(&shares, 0.5),
            p99_share_of_core: quantile(&shares, 0.99),
        })
    }
}

/// Median time to make an engine for two channels at 48 kHz.
///
/// # Errors
/// The engine refuses.
pub fn creation_ms(model: &Arc<Model>) -> Result<f64> {
    let mut times_ms = Vec::new();
    for _ in 0..31 {
        let begin = Instant::now();
        let engine = Engine::new(model.clone(), PEER_RATE_HZ, 2)?;
        times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(engine);
    }
    Ok(quantile(&times_ms, 0.5))
}

/// Median time to learn noise atoms from 3 s of hops, as the plugin's background thread does.
///
/// # Errors
/// The engine refuses, or finds nothing to learn.
pub fn learning_ms(model: &Arc<Model>) -> Result<f64> {
    let samples = 3 * PEER_RATE_HZ as usize;
    let noise = Signal::Noise.samples(PEER_RATE_HZ).into_iter().cycle().take(samples);
    let hops = noise_magnitudes(model, PEER_RATE_HZ, &[noise.collect()])?;
    let mut times_ms = Vec::new();
    for _ in 0..11 {
        let begin = Instant::now();
        NoiseProfile::learn(&model.config, &hops)?;
        times_ms.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(quantile(&times_ms, 0.5))
}
