//! `cargo xtask eval`: scores of the shipped engine and its peers on noisy/clean pairs.

mod likeness;
mod pauses;
mod scores;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use unfold::engine::{Settings, denoise_with, learn_noise};
use unfold::model::Model;
use unfold::model_file;

use crate::denoise::read_model;
use crate::pairs::{self, MixOptions, SAMPLE_RATE_HZ};
use crate::report;
use scores::{PairReport, System};

/// Score the denoiser and its peers on noisy speech
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Mix pairs from this folder's dev/speech and dev/noise
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "pairs",
        conflicts_with = "pairs"
    )]
    corpus: Option<PathBuf>,
    /// Take the pairs listed in this file (columns noisy,clean,noise_type,snr_db)
    #[arg(long, value_name = "MANIFEST")]
    pairs: Option<PathBuf>,
    /// Seed of the pairs mixed from a corpus
    #[arg(long, default_value_t = MixOptions::default().seed, conflicts_with = "pairs")]
    seed: u64,
    /// Pairs mixed at each signal-to-noise ratio
    #[arg(long, value_name = "N", default_value_t = MixOptions::default().pairs_per_snr, conflicts_with = "pairs")]
    pairs_per_snr: usize,
    /// Mix the pairs from this noise source alone, which the model must not have been trained on; may be given several times
    #[arg(long, value_name = "SOURCE", conflicts_with = "pairs")]
    held_out: Vec<String>,
    /// Also score the model after it learnt 3 s of each pair's noise, and of its speech by mistake
    #[arg(long, conflicts_with = "pairs")]
    learn: bool,
    /// Also write the pairs and their manifest to this folder
    #[arg(long, value_name = "DIR")]
    write_pairs: Option<PathBuf>,
    /// A model file to score; may be given several times [default: the built-in model]
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// The noise that is always left, in dB: 0 or less, or -inf
    #[arg(long, value_name = "DB", default_value_t = Settings::default().floor_db, allow_hyphen_values = true)]
    floor_db: f32,
    /// SI-SDR only
    #[arg(long)]
    fast: bool,
    /// The full depth of each model alone, and one table of means
    #[arg(long)]
    summary: bool,
    /// Write every score to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables into this Markdown file, between the markers of the section
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Name of that section
    #[arg(long, value_name = "NAME", default_value = "eval", requires = "markdown")]
    section: String,
}

/// One scored model, as it is named in a report.
#[derive(Clone, Debug, Serialize)]
struct ModelInfo {
    name: String,
    sha256: String,
    provenance: String,
    layers: usize,
    parameters: usize,
    /// Multiply-adds per second at full depth.
    macs_per_second: f64,
}

/// Everything that one run found.
#[derive(Serialize)]
struct Report {
    command: String,
    date: String,
    floor_db: f32,
    models: Vec<ModelInfo>,
    systems: Vec<String>,
    pairs: Vec<PairReport>,
}

/// Runs the command.
///
/// # Errors
/// The pairs or a model cannot be read, or a report cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let options = MixOptions {
        seed: args.seed,
        pairs_per_snr: args.pairs_per_snr,
        held_out: args.held_out.clone(),
    };
    let pairs = match (&args.corpus, &args.pairs) {
        (Some(corpus), _) => pairs::mix_corpus(corpus, &options)?,
        (None, Some(manifest)) => pairs::read_manifest(manifest)?,
        (None, None) => bail!("give --corpus or --pairs"),
    };
    ensure!(!pairs.is_empty(), "there are no pairs to score");
    let excerpts = match args.corpus {
        Some(_) => args.pairs_per_snr,
        None => pairs.len(),
    };
    if let Some(folder) = &args.write_pairs {
        pairs::write_pairs(folder, &pairs)?;
    }
    let models = models(&args.model)?;
    let systems = scores::systems(&models, args.floor_db, args.summary, args.learn);
    let report = Report {
        command: command(args),
        date: report::today(),
        floor_db: args.floor_db,
        models: models.into_iter().map(|(info, _)| info).collect(),
        systems: systems.iter().map(System::name).collect(),
        pairs: scores::score_pairs(&pairs, &systems, excerpts, args.fast)?,
    };
    let text = if args.summary {
        tables::summary(&report)
    } else {
        tables::markdown(&report)
    };
    println!("{text}");
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report).context("cannot encode the scores")?;
        crate::atomic_file::write(path, json.as_bytes())?;
    }
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, &args.section, &text))
}

/// The models at `paths`, or the built-in one. Tables tell them apart by their file names.
fn models(paths: &[PathBuf]) -> Result<Vec<(ModelInfo, Arc<Model>)>> {
    if paths.is_empty() {
        let bytes = model_file::shipped_bytes();
        return Ok(vec![describe("unfold".to_owned(), bytes, model_file::shipped())]);
    }
    let read = |path: &PathBuf| {
        let model = Arc::new(read_model(path)?);
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(describe(name, &bytes, model))
    };
    for (index, path) in paths.iter().enumerate() {
        if let Some(other) = paths[..index]
            .iter()
            .find(|other| other.file_stem() == path.file_stem())
        {
            bail!("{} and {} have the same name", other.display(), path.display());
        }
    }
    paths.iter().map(read).collect()
}

fn describe(name: String, bytes: &[u8], model: Arc<Model>) -> (ModelInfo, Arc<Model>) {
    let info = ModelInfo {
        name,
        sha256: report::sha256(bytes),
        provenance: model.provenance.clone(),
        layers: model.layers(),
        parameters: model.parameter_count(),
        macs_per_second: model.macs_per_second(model.layers()),
    };
    (info, model)
}

/// The command that gives this report again; paths are cut to file names, since folders differ between machines.
fn command(args: &Args) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut text = "cargo xtask eval".to_owned();
    if let Some(corpus) = &args.corpus {
        text += &format!(
            " --corpus {} --seed {} --pairs-per-snr {}",
            name(corpus),
            args.seed,
            args.pairs_per_snr
        );
    }
    if let Some(manifest) = &args.pairs {
        text += &format!(" --pairs {}", name(manifest));
    }
    for model in &args.model {
        text += &format!(" --model {}", name(model));
    }
    if args.floor_db != Settings::default().floor_db {
        text += &format!(" --floor-db {}", args.floor_db);
    }
    for source in &args.held_out {
        text += &format!(" --held-out {source}");
    }
    if args.learn {
        text += " --learn";
    }
    if args.fast {
        text += " --fast";
    }
    if args.summary {
        text += " --summary";
    }
    text
}

/// Denoises a signal; with `learnt`, after learning user atoms from that one.
fn denoise_mono(model: &Arc<Model>, settings: &Settings, learnt: Option<&[f32]>, samples: &[f32]) -> Result<Vec<f32>> {
    let rate_hz = f64::from(SAMPLE_RATE_HZ);
    // What cannot be learnt changes nothing, as in the plugin.
    let profile = learnt.and_then(|noise| learn_noise(model, rate_hz, &[noise.to_vec()]).ok());
    let mut channels = denoise_with(profile.as_ref(), model, settings, rate_hz, &[samples.to_vec()])?;
    Ok(channels.remove(0))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests;
