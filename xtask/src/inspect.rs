//! `cargo xtask inspect`: what a model file holds.

use std::path::PathBuf;

use anyhow::Result;
use unfold::model::Model;

use crate::denoise::read_model;

/// Print a model's sizes, cost and provenance
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// The file is missing or not a model.
pub fn run(args: &Args) -> Result<()> {
    let model = read_model(&args.model)?;
    println!("{}", args.model.display());
    print!("{}", describe(&model));
    Ok(())
}

fn describe(model: &Model) -> String {
    let config = &model.config;
    let mut text = String::new();
    let mut line = |name: &str, value: String| text += &format!("  {name:<22}{value}\n");
    let centres_hz = &config.band_centres_hz;
    let edge_hz = |centre: Option<&f32>| centre.map_or(0.0, |hz| hz.round());
    line(
        "bands",
        format!(
            "{}, centred from {} to {} Hz",
            config.bands(),
            edge_hz(centres_hz.first()),
            edge_hz(centres_hz.last())
        ),
    );
    line("frames seen per hop", config.context_frames.to_string());
    line(
        "atoms",
        format!(
            "{} speech, {} noise, {} adaptive",
            config.speech_atoms, config.noise_atoms, config.adaptive_atoms
        ),
    );
    line(
        "layers",
        format!("{}, {} with weights of their own", config.layers, config.untied_layers),
    );
    line("parameters", model.parameter_count().to_string());
    line(
        "matrices",
        format!(
            "{:.0} % of their weights are in blocks that are not empty",
            100.0 * model.kept_share()
        ),
    );
    for depth in 1..=model.layers() {
        line(
            &format!("cost of {depth} layers"),
            format!("{:.1} million MAC per second", model.macs_per_second(depth) / 1e6),
        );
    }
    line("provenance", model.provenance.clone());
    text
}
