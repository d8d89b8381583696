//! Every probability and range of the mixing simulation.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// What training examples look like. Pairs are `[lowest, highest]`; shares and chances are 0..=1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixConfig {
    /// Share of examples without any speech.
    pub pure_noise_share: f32,
    /// Share of the speech taken from full-band recordings.
    pub full_band_share: f32,
    /// Power of its minutes with which a speech collection is drawn among those of its bandwidth, and a clip within it: 1 by
    /// length, so that every voice counts by what there is of it; 0 all alike.
    pub speech_length_exponent: f32,
    /// Share of band-limited speech whose example ends at the speech's bandwidth as a whole, so that nothing is
    /// said about higher frequencies; in the rest the noise is full-band and the reference is empty above.
    pub band_unknown_share: f32,
    /// Chance that the speech consists of two utterances.
    pub two_utterances_chance: f32,
    /// Pause between two utterances, in seconds.
    pub pause_s: [f32; 2],
    /// Level difference between two utterances, in dB.
    pub utterance_level_db: [f32; 2],
    /// Share of 100 ms frames that must hold speech for a stretch to be taken.
    pub min_active_share: f32,
    /// Chance of a speed and pitch change of the speech.
    pub speech_speed_chance: f32,
    /// Speed factor of the speech.
    pub speech_speed: [f32; 2],
    /// Chance that the speech gets another vocal tract: formants higher or lower at the same pitch.
    pub speech_formant_chance: f32,
    /// How far the formants move, in octaves: within ± this.
    pub speech_formant_octaves: f32,
    /// Chance of a random equaliser on the speech.
    pub speech_eq_chance: f32,
    /// Largest gain of each of its filters, in dB.
    pub speech_eq_db: f32,
    /// Chance of a low cut on the speech.
    pub low_cut_chance: f32,
    /// Corner of the low cut, in Hz.
    pub low_cut_hz: [f32; 2],
    /// Chance of a room around the speech; the target is the reverberant speech.
    pub reverb_chance: f32,
    /// Reverberation time, in seconds.
    pub rt60_s: [f32; 2],
    /// Direct-to-reverberant ratio, in dB.
    pub direct_to_reverb_db: [f32; 2],
    /// Chance of a low-pass as of a telephone or a codec.
    pub band_limit_chance: f32,
    /// Share of those in which the whole mix is limited, not only the speech.
    pub band_limit_mix_share: f32,
    /// Corner of the narrow variant, in Hz.
    pub narrow_band_hz: [f32; 2],
    /// Corner of the wide variant, in Hz.
    pub wide_band_hz: [f32; 2],
    /// Shares of 0, 1, 2 and 3 simultaneous noises (any positive weights).
    pub noise_count_weights: [f32; 4],
    /// Share of noises that come from recordings; the rest is synthetic.
    pub recorded_noise_share: f32,
    /// Weight of recorded sources whose name contains `babble`, relative to the others.
    pub babble_weight: f32,
    /// Chance of a speed change of a recorded noise.
    pub noise_speed_chance: f32,
    /// Speed factor of the noise.
    pub noise_speed: [f32; 2],
    /// Power of its minutes with which a noise collection is drawn, within it each category (a file's name without
    /// its numbers), and within that each clip: 1 by length, 0 all alike.
    pub noise_length_exponent: f32,
    /// Chance that a recorded noise is rearranged from grains of its clip, or of two clips.
    pub noise_grain_chance: f32,
    /// Length of a grain, in seconds.
    pub noise_grain_s: [f32; 2],
    /// Speed factors of grains where they have one; half of the rearrangements keep the original speed.
    pub noise_grain_speed: [f32; 2],
    /// Level differences between grains, in dB: within ± this.
    pub noise_grain_gain_db: f32,
    /// Chance that a recorded noise takes on the band envelopes of another noise, recorded or synthetic.
    pub noise_texture_chance: f32,
    /// Power of the ratio of envelopes then: 0 changes nothing, 1 all of the rhythm and colour.
    pub noise_texture_strength: [f32; 2],
    /// Chance that a recorded noise plays backwards.
    pub noise_reverse_chance: f32,
    /// Chance of a room around a noise, another one than the speech's.
    pub noise_reverb_chance: f32,
    /// Reverberation time of that room, in seconds.
    pub noise_rt60_s: [f32; 2],
    /// Direct-to-reverberant ratio of that room, in dB.
    pub noise_direct_to_reverb_db: [f32; 2],
    /// Chance of a random equaliser on each noise.
    pub noise_eq_chance: f32,
    /// Largest gain of each of its filters, in dB.
    pub noise_eq_db: f32,
    /// Level of the second and third noise relative to the first, in dB.
    pub noise_relative_db: [f32; 2],
    /// Chance that a noise starts or stops within the example.
    pub noise_fade_chance: f32,
    /// Length of that fade, in seconds.
    pub noise_fade_s: [f32; 2],
    /// Share of examples with a stretch of noise to learn user atoms from.
    pub learnt_noise_share: f32,
    /// Length of that stretch, in seconds.
    pub learnt_noise_s: [f32; 2],
    /// Share of those in which it is another noise, or speech.
    pub learnt_amiss_share: f32,
    /// Ordinary signal-to-noise ratios over active frames, in dB: a triangular distribution.
    pub snr_db: [f32; 2],
    /// Its most frequent value, in dB.
    pub snr_mode_db: f32,
    /// Share of examples with nearly clean speech.
    pub high_snr_share: f32,
    /// Their signal-to-noise ratios, in dB.
    pub high_snr_db: [f32; 2],
    /// Level of the mix over active frames, in dBFS.
    pub level_db: [f32; 2],
    /// Chance of a clipped mix; the target stays unclipped.
    pub clip_chance: f32,
    /// Clipping threshold relative to the mix's peak.
    pub clip_threshold: [f32; 2],
}

impl Default for MixConfig {
    fn default() -> Self {
        Self {
            pure_noise_share: 0.04,
            full_band_share: 0.2,
            speech_length_exponent: 1.0,
            band_unknown_share: 0.5,
            two_utterances_chance: 0.25,
            pause_s: [0.05, 0.7],
            utterance_level_db: [-8.0, 8.0],
            min_active_share: 0.35,
            speech_speed_chance: 0.9,
            speech_speed: [0.62, 1.55],
            speech_formant_chance: 0.65,
            speech_formant_octaves: 0.45,
            speech_eq_chance: 0.9,
            speech_eq_db: 18.0,
            low_cut_chance: 0.3,
            low_cut_hz: [50.0, 200.0],
            reverb_chance: 0.45,
            rt60_s: [0.1, 0.6],
            direct_to_reverb_db: [3.0, 15.0],
            band_limit_chance: 0.15,
            band_limit_mix_share: 0.5,
            narrow_band_hz: [3300.0, 4200.0],
            wide_band_hz: [6500.0, 8200.0],
            noise_count_weights: [0.05, 0.6, 0.28, 0.07],
            recorded_noise_share: 0.55,
            babble_weight: 0.4,
            noise_speed_chance: 0.5,
            noise_speed: [0.6, 1.7],
            noise_length_exponent: 0.5,
            noise_grain_chance: 0.1,
            noise_grain_s: [0.03, 0.4],
            noise_grain_speed: [0.6, 1.6],
            noise_grain_gain_db: 6.0,
            noise_texture_chance: 0.15,
            noise_texture_strength: [0.3, 1.0],
            noise_reverse_chance: 0.15,
            noise_reverb_chance: 0.15,
            noise_rt60_s: [0.1, 0.7],
            noise_direct_to_reverb_db: [-6.0, 12.0],
            noise_eq_chance: 0.8,
            noise_eq_db: 15.0,
            noise_relative_db: [-12.0, 3.0],
            noise_fade_chance: 0.25,
            noise_fade_s: [0.005, 0.6],
            learnt_noise_share: 0.35,
            learnt_noise_s: [1.0, 3.5],
            learnt_amiss_share: 0.15,
            snr_db: [-8.0, 25.0],
            snr_mode_db: -2.0,
            high_snr_share: 0.07,
            high_snr_db: [25.0, 40.0],
            level_db: [-50.0, -10.0],
            clip_chance: 0.05,
            clip_threshold: [0.3, 0.9],
        }
    }
}

impl MixConfig {
    /// Checks that every value makes sense.
    ///
    /// # Errors
    /// Names the first field that does not.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("pure_noise_share", self.pure_noise_share),
            ("full_band_share", self.full_band_share),
            ("band_unknown_share", self.band_unknown_share),
            ("two_utterances_chance", self.two_utterances_chance),
            ("min_active_share", self.min_active_share),
            ("speech_speed_chance", self.speech_speed_chance),
            ("speech_formant_chance", self.speech_formant_chance),
            ("speech_eq_chance", self.speech_eq_chance),
            ("low_cut_chance", self.low_cut_chance),
            ("reverb_chance", self.reverb_chance),
            ("band_limit_chance", self.band_limit_chance),
            ("band_limit_mix_share", self.band_limit_mix_share),
            ("recorded_noise_share", self.recorded_noise_share),
            ("noise_speed_chance", self.noise_speed_chance),
            ("speech_length_exponent", self.speech_length_exponent),
            ("noise_length_exponent", self.noise_length_exponent),
            ("noise_grain_chance", self.noise_grain_chance),
            ("noise_texture_chance", self.noise_texture_chance),
            ("noise_reverse_chance", self.noise_reverse_chance),
            ("noise_reverb_chance", self.noise_reverb_chance),
            ("noise_eq_chance", self.noise_eq_chance),
            ("noise_fade_chance", self.noise_fade_chance),
            ("learnt_noise_share", self.learnt_noise_share),
            ("learnt_amiss_share", self.learnt_amiss_share),
            ("high_snr_share", self.high_snr_share),
            ("clip_chance", self.clip_chance),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                bail!("{name} must be between 0 and 1, not {share}");
            }
        }
        self.check_ranges()
    }

    fn check_ranges(&self) -> Result<()> {
        const SPEEDS: [f32; 2] = [0.25, 4.0];
        const AUDIBLE_HZ: [f32; 2] = [10.0, 24_000.0];
        const GAINS_DB: [f32; 2] = [-120.0, 120.0];
        let ranges = [
            ("pause_s", self.pause_s, [0.0, 60.0]),
            ("utterance_level_db", self.utterance_level_db, GAINS_DB),
            ("speech_speed", self.speech_speed, SPEEDS),
            ("speech_formant_octaves", [self.speech_formant_octaves; 2], [0.0, 1.0]),
            ("speech_eq_db", [self.speech_eq_db; 2], [0.0, 40.0]),
            ("low_cut_hz", self.low_cut_hz, AUDIBLE_HZ),
            ("rt60_s", self.rt60_s, [0.01, 10.0]),
            ("direct_to_reverb_db", self.direct_to_reverb_db, GAINS_DB),
            ("narrow_band_hz", self.narrow_band_hz, AUDIBLE_HZ),
            ("wide_band_hz", self.wide_band_hz, AUDIBLE_HZ),
            ("babble_weight", [self.babble_weight; 2], [0.0, 1000.0]),
            ("noise_speed", self.noise_speed, SPEEDS),
            ("noise_grain_s", self.noise_grain_s, [0.005, 60.0]),
            ("noise_grain_speed", self.noise_grain_speed, SPEEDS),
            ("noise_grain_gain_db", [self.noise_grain_gain_db; 2], [0.0, 40.0]),
            ("noise_texture_strength", self.noise_texture_strength, [0.0, 1.0]),
            ("noise_rt60_s", self.noise_rt60_s, [0.01, 10.0]),
            ("noise_direct_to_reverb_db", self.noise_direct_to_reverb_db, GAINS_DB),
            ("noise_eq_db", [self.noise_eq_db; 2], [0.0, 40.0]),
            ("noise_relative_db", self.noise_relative_db, GAINS_DB),
            ("noise_fade_s", self.noise_fade_s, [0.0, 60.0]),
            ("learnt_noise_s", self.learnt_noise_s, [0.1, 60.0]),
            ("snr_db", self.snr_db, GAINS_DB),
            ("snr_mode_db", [self.snr_mode_db; 2], self.snr_db),
            ("high_snr_db", self.high_snr_db, GAINS_DB),
            ("level_db", self.level_db, [-120.0, 0.0]),
            ("clip_threshold", self.clip_threshold, [0.01, 1.0]),
        ];
        for (name, [low, high], [lowest, highest]) in ranges {
            let in_order = lowest <= low && low <= high && high <= highest;
            if !in_order {
                bail!("{name} must lie, in ascending order, between {lowest} and {highest}, not [{low}, {high}]");
            }
        }
        Ok(())
    }
}
