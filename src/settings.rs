//! Everything a user can change while audio runs, in plain numbers with their units.

/// What is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// The denoised signal.
    #[default]
    Result,
    /// What was taken out: input minus result.
    Removed,
    /// The input, delayed by the latency.
    Input,
}

/// How several channels share the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StereoMode {
    /// One mask for all channels, from their mean power.
    #[default]
    Linked,
    /// A network run and a mask for each channel.
    Independent,
}

/// Everything a user can change while audio runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Mask strength, 0..=1.
    pub amount: f32,
    /// The noise that is always left, negative infinity..=0.
    pub floor_db: f32,
    /// Layers to run, clamped to 1..=K.
    pub layers: usize,
    /// What is heard.
    pub listen: Listen,
    /// One mask or one per channel.
    pub stereo: StereoMode,
    /// Whether the adaptive noise atoms take part.
    pub adapt: bool,
    /// Gain after everything.
    pub output_gain_db: f32,
    /// The input, delayed by the latency, without output gain.
    pub bypass: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            amount: 1.0,
            floor_db: -24.0,
            layers: usize::MAX,
            listen: Listen::Result,
            stereo: StereoMode::Linked,
            adapt: true,
            output_gain_db: 0.0,
            bypass: false,
        }
    }
}
