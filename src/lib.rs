//! Unfold: a real-time speech denoiser built on deep unfolding (Hershey, Le Roux, Weninger 2014).
//!
//! Modules in the order in which sound flows through them:
//! [`engine`] cuts blocks into hops -> [`stft`] -> [`bands`] -> [`noise_floor`] (features) -> [`nmf`] (the network,
//! over the weights of a [`model`]) -> [`field`] (optional, over the network's mask) -> [`mask`] -> inverse [`stft`].
//! [`meters`] is a side tap; [`learn`] makes noise atoms in the background.
//!
//! The core below has no plugin framework, no GUI, no threads and no I/O; the shell around it is behind the
//! feature `plugin`.

pub mod bands;
pub mod container;
pub mod engine;
pub mod field;
pub mod kernels;
pub mod learn;
pub mod mask;
pub mod meters;
pub mod model;
pub mod model_file;
pub mod nmf;
pub mod noise_floor;
pub mod noise_profile;
mod output_mix;
pub mod settings;
pub mod simd;
pub mod snmf;
pub mod stft;
pub mod units;

#[cfg(feature = "plugin")]
pub mod background;
#[cfg(feature = "plugin")]
pub mod editor;
#[cfg(feature = "plugin")]
pub mod learning;
#[cfg(feature = "plugin")]
pub mod load;
#[cfg(feature = "plugin")]
mod noise_file;
#[cfg(feature = "plugin")]
pub mod params;
#[cfg(feature = "plugin")]
pub mod plugin;
#[cfg(feature = "plugin")]
pub mod shared;
#[cfg(feature = "plugin")]
pub mod triple_buffer;
#[cfg(feature = "plugin")]
mod user_model;

#[cfg(feature = "plugin")]
nice_plug::nice_export_clap!(plugin::Unfold);
#[cfg(feature = "plugin")]
nice_plug::nice_export_vst3!(plugin::Unfold);
