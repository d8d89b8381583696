//! Spectra -> what to remove of each band: bands > front end > NMF > field, if the model has one > mask.

use realfft::num_complex::Complex32;

use super::Engine;
use crate::field::PresenceState;
use crate::mask::{Strength, removal_into};
use crate::nmf;
use crate::noise_floor::FrontEnd;
use crate::settings::{Settings, StereoMode};
use crate::units::db_to_gain;

/// Network run of one lane: its trackers and state, and the band gains it made.
pub(super) struct Solver {
    pub(super) front_end: FrontEnd,
    pub(super) state: nmf::State,
    /// Memory of the model's field, if it has one.
    pub(super) presence: Option<PresenceState>,
    /// `[F]` of the last hop.
    pub(super) band_power: Vec<f32>,
    /// `[F]` of the last hop.
    pub(super) removal: Vec<f32>,
}

impl Engine {
    /// Runs the network of every solver that the stereo mode needs.
    #[inline(always)]
    pub(super) fn solve(&mut self, settings: &Settings) {
        if settings.stereo != self.last_stereo && settings.stereo == StereoMode::Independent {
            // The idle solvers go on from what the linked one knows.
            let (first, others) = self.solvers.split_at_mut(1);
            for solver in others {
                solver.front_end.copy_from(&first[0].front_end);
                solver.state.copy_from(&first[0].state);
                if let (Some(presence), Some(known)) = (&mut solver.presence, &first[0].presence) {
                    presence.copy_from(known);
                }
            }
        }
        self.last_stereo = settings.stereo;
        self.last_depth = settings.layers.clamp(1, self.model.layers());
        let strength = Strength {
            amount: settings.amount,
            floor_gain: db_to_gain(settings.floor_db),
        };
        let scale = self.stft.power_scale();
        match settings.stereo {
            StereoMode::Linked => {
                let scale = scale / self.channels.len() as f32;
                self.bin_power.fill(0.0);
                for channel in &self.channels {
                    add_power(&channel.spectrum, scale, &mut self.bin_power);
                }
                self.run_network(0, settings.adapt, strength);
            }
            StereoMode::Independent => {
                for index in 0..self.channels.len() {
                    self.bin_power.fill(0.0);
                    add_power(&self.channels[index].spectrum, scale, &mut self.bin_power);
                    self.run_network(index, settings.adapt, strength);
                }
            }
        }
    }

    /// Bin powers -> removal of one solver.
    #[inline(always)]
    fn run_network(&mut self, index: usize, adapt: bool, strength: Strength) {
        let solver = &mut self.solvers[index];
        self.bands.mean_power_into(&self.bin_power, &mut solver.band_power);
        solver
            .front_end
            .push(&solver.band_power, &mut self.features, &mut solver.state.floor);
        solver.state.push_features(&self.model.config, &self.features);
        nmf::forward(&self.network, &mut solver.state, self.last_depth, adapt, &mut ());
        if let (Some(field), Some(memory)) = (&self.presence, &mut solver.presence) {
            let nmf::State {
                speech, noise, mask, ..
            } = &mut solver.state;
            field.refine(speech, noise, mask, self.last_depth, memory, &mut ());
        }
        removal_into(&solver.state.mask, strength, &mut solver.removal);
    }
}

#[inline(always)]
fn add_power(spectrum: &[Complex32], scale: f32, power: &mut [f32]) {
    for (p, x) in power.iter_mut().zip(spectrum) {
        *p += x.norm_sqr() * scale;
    }
}
