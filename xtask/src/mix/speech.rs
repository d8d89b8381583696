//! The speech of an example: stretches of recordings, as other voices in other rooms.

use rand::Rng;

use super::{Mixer, SPEECH_RANGE_DB, pick_speed, pick_stretch, place_in_room};
use crate::augment::{
    Biquad, RATE_HZ, Spectral, chance, db_to_gain, fade_in, fade_out, log_uniform, normalise, random_equaliser, scale,
    uniform,
};
use crate::corpus::Sampler;

/// Fade at the inner ends of two utterances: 10 ms.
const UTTERANCE_FADE_SAMPLES: usize = 480;

/// Speech of an example.
pub(super) struct Speech {
    pub(super) samples: Vec<f32>,
    /// Bandwidth of the recording as it sounds now, in Hz; `None` for full-band material.
    pub(super) limit_hz: Option<f32>,
}

impl Mixer<'_> {
    /// Speech after speed change, equaliser and room; level arbitrary.
    pub(super) fn speech(&self, rng: &mut impl Rng, length: usize, spectral: &mut Spectral) -> Speech {
        let config = &self.config;
        let wants_full_band = chance(rng, config.full_band_share);
        let sampler = match (&self.full_band, &self.band_limited) {
            (Some(full), _) if wants_full_band => full,
            (_, Some(limited)) => limited,
            (Some(full), None) => full,
            (None, None) => unreachable!("a corpus has speech"),
        };
        let speed = pick_speed(rng, config.speech_speed_chance, config.speech_speed);
        let raw_length = speed.as_ref().map_or(length, |speed| speed.input_samples(length));
        let (mut samples, bandwidth_hz) = self.utterances(rng, sampler, raw_length);
        if let Some(speed) = &speed {
            samples = speed.run(&samples, length);
        }
        if chance(rng, config.speech_formant_chance) {
            let most = config.speech_formant_octaves;
            spectral.shift_formants(&mut samples, uniform(rng, [-most, most]));
        }
        if chance(rng, config.low_cut_chance) {
            Biquad::high_pass(log_uniform(rng, config.low_cut_hz), 0.707).run(&mut samples);
        }
        if chance(rng, config.speech_eq_chance) {
            random_equaliser(rng, config.speech_eq_db).run(&mut samples);
        }
        if chance(rng, config.reverb_chance) {
            place_in_room(rng, &mut samples, config.rt60_s, config.direct_to_reverb_db, spectral);
        }
        normalise(&mut samples, SPEECH_RANGE_DB);
        let limit_hz = bandwidth_hz.map(|hz| hz * speed.map_or(1.0, |speed| speed.factor()));
        Speech { samples, limit_hz }
    }

    /// One stretch of speech, or two with a pause between, and their common bandwidth unless full.
    fn utterances(&self, rng: &mut impl Rng, sampler: &Sampler, length: usize) -> (Vec<f32>, Option<f32>) {
        let config = &self.config;
        let mut samples = vec![0.0; length];
        let split = if chance(rng, config.two_utterances_chance) {
            (length as f32 * uniform(rng, [0.25, 0.75])) as usize
        } else {
            length
        };
        let mut bandwidth_hz = self.utterance(rng, sampler, &mut samples[..split]);
        let resume = split + (uniform(rng, config.pause_s) * RATE_HZ) as usize;
        if resume < length {
            fade_out(&mut samples, split, UTTERANCE_FADE_SAMPLES);
            let second = &mut samples[resume..];
            bandwidth_hz = bandwidth_hz.min(self.utterance(rng, sampler, second));
            scale(second, db_to_gain(uniform(rng, config.utterance_level_db)));
            fade_in(second, 0, UTTERANCE_FADE_SAMPLES);
        }
        let full_band = bandwidth_hz >= crate::corpus::FULL_BAND_HZ;
        (samples, (!full_band).then_some(bandwidth_hz))
    }

    /// Fills `out` with a stretch that holds speech, at equal level for all clips; gives the clip's bandwidth.
    fn utterance(&self, rng: &mut impl Rng, sampler: &Sampler, out: &mut [f32]) -> f32 {
        let min_share = self.config.min_active_share;
        let (clip, start) = pick_stretch(rng, sampler, out.len(), SPEECH_RANGE_DB, min_share);
        clip.copy_to(start, out);
        normalise(out, SPEECH_RANGE_DB);
        clip.bandwidth_hz
    }
}
