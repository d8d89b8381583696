//! `cargo xtask learn`: noise atoms from a recording of noise, as the plugin's LEARN makes them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use unfold::engine::learn_noise;

use crate::denoise::model_or_shipped;
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
    let model = model_or_shipped(args.model.as_deref())?;
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
