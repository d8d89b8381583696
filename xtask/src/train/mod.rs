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

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;

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
pub fn run(args: &Args) -> Result<()> {
    let config = read_config(args)?;
    let checkpoint_path = args.out.with_extension("checkpoint");
    if args.out.exists() && !args.resume {
        bail!(
            "{} exists already; choose another --out or go on with --resume",
            args.out.display()
        );
    }
    ensure!(
        args.out != checkpoint_path,
        "--out must not end in .checkpoint, the name of what is kept beside it"
    );
    // Hours of work should not end at a folder that cannot be written to.
    crate::atomic_file::beside(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
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
    let mut trainer = if args.resume {
        Trainer::resume(config, Checkpoint::read(&checkpoint_path)?)?
    } else {
        let model = match &args.from {
            Some(path) => {
                let mut model = crate::denoise::read_model(path)?;
                prune::prune(&mut model, config.prune_share);
                model
            }
            None => start::initial_model(&config, &mixer)?,
        };
        ensure!(
            model.config == config.network.model_config(),
            "the model to start from has other sizes than the configuration asks for"
        );
        Trainer::new(config, model)
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

fn read_config(args: &Args) -> Result<TrainConfig> {
    let Some(path) = &args.config else {
        return Ok(TrainConfig::default());
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: TrainConfig =
        serde_json::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))?;
    ensure!(
        config.lanes * config.groups > 0 && config.pool >= config.lanes * config.groups,
        "pool must hold at least one batch"
    );
    ensure!(
        config.frames > 1 && config.passes > 0 && config.steps > 0,
        "frames, passes and steps must be positive"
    );
    Ok(config)
}
