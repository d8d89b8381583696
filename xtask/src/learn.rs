//! `cargo xtask learn`: noise atoms from a recording of noise, as the plugin's LEARN makes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use unfold::engine::learn_noise;
use unfold::model_file;
use unfold::noise_profile::NoiseProfile;

use crate::denoise::read_model;
use crate::{atomic_file, audio_file};

/// Learn noise from a recording of it, for `denoise --noise-profile` and the plugin
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A recording in which only the noise sounds
    #[arg(value_name = "NOISE")]
    noise: PathBuf,
    /// The noise profile to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The model file that the profile is for, in place of the built-in one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// One sentence for a recording that cannot be read or learnt from, or an output that exists or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let model = match &args.model {
        Some(path) => Arc::new(read_model(path)?),
        None => model_file::shipped(),
    };
    ensure!(
        !args.out.exists(),
        "{} exists already; choose another --out",
        args.out.display()
    );
    let audio = audio_file::read(&args.noise)?;
    let profile = learn_noise(&model, f64::from(audio.sample_rate_hz), &audio.channels)
        .with_context(|| args.noise.display().to_string())?;
    profile.check(&model.config)?;
    atomic_file::write(&args.out, &profile.to_bytes()?)?;
    println!("{}: {} noise atoms written", args.out.display(), profile.atoms());
    Ok(())
}

/// Reads a noise profile.
///
/// # Errors
/// One sentence that names the file and what is wrong with it.
pub fn read_profile(path: &Path) -> Result<NoiseProfile> {
    let bytes = std::fs::read(path).with_context(|| format!("{}: the noise profile cannot be read", path.display()))?;
    NoiseProfile::from_bytes(&bytes).with_context(|| path.display().to_string())
}
