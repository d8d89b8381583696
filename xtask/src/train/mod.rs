//! `cargo xtask train`: corpus -> mixtures -> sparse NMF dictionaries -> discriminative training of the unfolded
//! network with exact gradients -> a model file.

pub mod adam;
mod backward;
mod bark;
mod batch;
mod checkpoint;
mod config;
mod envelope;
pub mod field;
mod loss;
mod loudness;
pub mod products;
pub mod prune;
mod sequence;
pub mod snmf;
mod start;
mod tape;
mod trainer;
mod user_backward;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use unfold::model::Model;

use crate::corpus::Corpus;
use crate::mix::Mixer;
use checkpoint::Checkpoint;
use config::TrainConfig;
use trainer::Trainer;

/// Train a model
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folders of clean speech (WAV, FLAC, Ogg Vorbis)
    #[arg(long, required = true, num_args = 1..)]
    speech: Vec<PathBuf>,
    /// Folders of noise
    #[arg(long, required = true, num_args = 1..)]
    noise: Vec<PathBuf>,
    /// Folder with speech/ and noise/ that are only scored, never trained on
    #[arg(long)]
    dev: Option<PathBuf>,
    /// Model file to write; its checkpoint is beside it
    #[arg(long)]
    out: PathBuf,
    /// JSON file with settings that differ from the default ones
    #[arg(long)]
    config: Option<PathBuf>,
    /// Start from the weights of this model instead of from sparse NMF dictionaries
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// Go on from the checkpoint
    #[arg(long)]
    resume: bool,
}

/// Runs the command.
///
/// # Errors
/// The configuration, the model to start from or the corpus is unusable, or what would be written exists already.
pub fn run(args: &Args) -> Result<()> {
    let config = read_config(args)?;
    let checkpoint_path = checkpoint_path(&args.out);
    check_outputs(args, &checkpoint_path)?;
    let start = args.from.as_ref().map(|path| read_start(path, &config)).transpose()?;
    let bar = ProgressBar::new_spinner().with_message("reading the corpus");
    let corpus = Corpus::load(&args.speech, &args.noise, &config.excluded_noise, |_, _| bar.tick())?;
    let mixer = Mixer::new(&corpus, config.mix.clone())?;
    let dev_corpus = match &args.dev {
        Some(dir) => {
            let dirs = ["speech", "noise"].map(|kind| vec![dir.join(kind)]);
            Some(Corpus::load(&dirs[0], &dirs[1], &config.excluded_noise, |_, _| {
                bar.tick()
            })?)
        }
        None => None,
    };
    bar.finish_and_clear();
    let minutes = |clips: &[crate::corpus::Clip]| clips.iter().map(|clip| clip.minutes()).sum::<f32>();
    println!(
        "corpus: {:.1} min of speech, {:.1} min of noise",
        minutes(&corpus.speech),
        minutes(&corpus.noise)
    );
    let dev_mixer = dev_corpus
        .as_ref()
        .map(|corpus| Mixer::new(corpus, config.mix.clone()))
        .transpose()?;
    let sounds = corpus.fingerprint();
    let mut trainer = if args.resume {
        Trainer::resume(config, sounds, Checkpoint::read(&checkpoint_path)?)?
    } else {
        let model = match start {
            Some(model) => model,
            None => start::initial_model(&config, &mixer)?,
        };
        Trainer::new(config, sounds, model)
    };
    println!("model: {} parameters", trainer.parameter_count());
    let dev = dev_mixer
        .as_ref()
        .map(|mixer| trainer.dev_set(mixer))
        .unwrap_or_default();
    trainer.train(&mixer, &dev, |trainer| trainer.save(&args.out, &checkpoint_path))?;
    trainer.save(&args.out, &checkpoint_path)?;
    println!("wrote {}", args.out.display());
    Ok(())
}

/// `runs/lr0.01.checkpoint` for `runs/lr0.01`: the whole name, so that no two runs share a checkpoint.
fn checkpoint_path(out: &Path) -> PathBuf {
    let mut path = out.as_os_str().to_owned();
    path.push(".checkpoint");
    path.into()
}

fn check_outputs(args: &Args, checkpoint_path: &Path) -> Result<()> {
    for path in [args.out.as_path(), checkpoint_path] {
        ensure!(
            args.resume || !path.exists(),
            "{} exists already; choose another --out or go on with --resume",
            path.display()
        );
    }
    // Hours of work should not end at a folder that cannot be written to.
    crate::atomic_file::beside(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(())
}

/// The network to start from. Its field goes: it was fitted to the weights as they were, and training leaves it alone.
fn read_start(path: &Path, config: &TrainConfig) -> Result<Model> {
    let mut model = crate::denoise::read_model(path)?;
    ensure!(
        model.config == config.network.model_config(),
        "{} has other sizes than the configuration asks for",
        path.display()
    );
    model.field = None;
    prune::prune(&mut model, config.prune_share);
    Ok(model)
}

fn read_config(args: &Args) -> Result<TrainConfig> {
    let Some(path) = &args.config else {
        return Ok(TrainConfig::default());
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: TrainConfig =
        serde_json::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))?;
    config.check().with_context(|| path.display().to_string())?;
    Ok(config)
}
