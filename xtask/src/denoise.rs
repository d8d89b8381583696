//! `cargo xtask denoise`: audio files through the plugin's own engine, in the format they came in.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;
use unfold::engine::{Listen, Settings, StereoMode, denoise_with};
use unfold::model::Model;
use unfold::model_file;
use unfold::noise_profile::NoiseProfile;

use crate::audio_file::{self, Audio, OutputFile};

/// Denoise WAV and FLAC files (also reads Ogg Vorbis, for an output named .wav)
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Audio files, or folders whose WAV and FLAC files are all taken
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// The output file; a folder where there are several inputs
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// How many of the model's layers run [default: all]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    layers: Option<i64>,
    /// How much of the noise is removed, 0 to 1
    #[arg(long, value_name = "0..1", default_value_t = 1.0, allow_hyphen_values = true)]
    amount: f32,
    /// The noise that is always left, in dB: 0 or less, or -inf
    #[arg(long, value_name = "DB", default_value_t = Settings::default().floor_db, allow_hyphen_values = true)]
    floor_db: f32,
    /// Write the denoised signal, or what was taken out of it
    #[arg(long, value_enum, default_value = "result")]
    listen: ListenChoice,
    /// A model file to use in place of the built-in one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Noise learnt before, by `learn` or in the plugin
    #[arg(long, value_name = "FILE")]
    noise_profile: Option<PathBuf>,
    /// One mask for all channels, or one for each
    #[arg(long, value_enum, default_value = "linked")]
    mix: MixChoice,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListenChoice {
    Result,
    Removed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MixChoice {
    Linked,
    Independent,
}

/// One file to denoise.
struct Job {
    input: PathBuf,
    output: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// One sentence for a bad option, model, file or folder. With several inputs the others are still denoised.
pub fn run(args: &Args) -> Result<()> {
    let model = model_or_shipped(args.model.as_deref())?;
    let denoiser = Denoiser {
        settings: settings(args, &model)?,
        profile: args
            .noise_profile
            .as_deref()
            .map(|path| read_profile(path, &model))
            .transpose()?,
        model,
    };
    let jobs = plan(&args.inputs, &args.output)?;
    if let [job] = jobs.as_slice() {
        let audio = denoiser.run(job)?;
        let seconds = audio.len_samples() as f64 / f64::from(audio.sample_rate_hz);
        println!("{}: {seconds:.2} s written", job.output.display());
        return Ok(());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left")?;
    let bar = ProgressBar::new(jobs.len() as u64).with_style(style);
    let errors: Vec<anyhow::Error> = jobs
        .par_iter()
        .progress_with(bar)
        .filter_map(|job| denoiser.run(job).err())
        .collect();
    for error in &errors {
        eprintln!("error: {error:#}");
    }
    ensure!(
        errors.is_empty(),
        "{} of {} files could not be denoised",
        errors.len(),
        jobs.len()
    );
    println!("{}: {} files written", args.output.display(), jobs.len());
    Ok(())
}

/// More than any model or noise profile: a device that never ends must not fill the memory.
const LARGEST_BYTES: u64 = 80 << 20;

/// The model of a `--model` option, or the built-in one.
///
/// # Errors
/// As [`read_model`].
pub fn model_or_shipped(path: Option<&Path>) -> Result<Arc<Model>> {
    path.map_or_else(|| Ok(model_file::shipped()), |path| Ok(Arc::new(read_model(path)?)))
}

/// Reads a model file.
///
/// # Errors
/// One sentence that names the file and what is wrong with it.
pub fn read_model(path: &Path) -> Result<Model> {
    let bytes = read_bytes(path, "model file")?;
    model_file::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// Reads a noise profile that the model can use.
///
/// # Errors
/// One sentence that names the file and what is wrong with it.
fn read_profile(path: &Path, model: &Model) -> Result<NoiseProfile> {
    let bytes = read_bytes(path, "noise profile")?;
    let profile = NoiseProfile::from_bytes(&bytes);
    profile
        .and_then(|profile| profile.check(&model.config).map(|()| profile))
        .with_context(|| path.display().to_string())
}

fn read_bytes(path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_BYTES).read_to_end(&mut bytes))
        .with_context(|| format!("{}: the {what} cannot be read", path.display()))?;
    Ok(bytes)
}

fn settings(args: &Args, model: &Model) -> Result<Settings> {
    ensure!(
        (0.0..=1.0).contains(&args.amount),
        "--amount must lie between 0 and 1, not {}",
        args.amount
    );
    ensure!(
        args.floor_db <= 0.0,
        "--floor-db must be 0 or less, or -inf, not {}",
        args.floor_db
    );
    let most = model.layers();
    let layers = match args.layers.map(usize::try_from) {
        None => most,
        Some(Ok(layers)) if (1..=most).contains(&layers) => layers,
        Some(_) => bail!(
            "--layers must lie between 1 and the model's {most}, not {}",
            args.layers.unwrap_or(0)
        ),
    };
    Ok(Settings {
        amount: args.amount,
        floor_db: args.floor_db,
        layers,
        listen: match args.listen {
            ListenChoice::Result => Listen::Result,
            ListenChoice::Removed => Listen::Removed,
        },
        stereo: match args.mix {
            MixChoice::Linked => StereoMode::Linked,
            MixChoice::Independent => StereoMode::Independent,
        },
        ..Settings::default()
    })
}

/// What every file goes through.
struct Denoiser {
    model: Arc<Model>,
    settings: Settings,
    profile: Option<NoiseProfile>,
}

impl Denoiser {
    fn run(&self, job: &Job) -> Result<Audio> {
        audio_file::check_not_same(&job.input, &job.output)?;
        let audio = audio_file::read(&job.input)?;
        let output = OutputFile::create(&job.output)?;
        let rate_hz = f64::from(audio.sample_rate_hz);
        let profile = self.profile.as_ref();
        let channels = denoise_with(profile, &self.model, &self.settings, rate_hz, &audio.channels)
            .with_context(|| job.input.display().to_string())?;
        let result = Audio { channels, ..audio };
        output.finish(&result)?;
        Ok(result)
    }
}

/// Which file goes where. Creates the output folders of several inputs.
fn plan(inputs: &[PathBuf], output: &Path) -> Result<Vec<Job>> {
    if let [input] = inputs
        && !input.is_dir()
        && !output.is_dir()
    {
        return Ok(vec![Job {
            input: input.clone(),
            output: output.to_owned(),
        }]);
    }
    ensure!(
        !output.is_file(),
        "{}: several inputs need a folder as output, and this is a file",
        output.display()
    );
    let mut jobs = Vec::new();
    for input in inputs {
        if input.is_dir() {
            ensure!(
                !lies_in(output, input)?,
                "{}: the output folder must not be the input folder or lie in it",
                output.display()
            );
            let files = audio_files_in(input)?;
            ensure!(
                !files.is_empty(),
                "{}: there are no WAV or FLAC files in this folder",
                input.display()
            );
            for file in files {
                let below = file.strip_prefix(input)?.to_owned();
                jobs.push(Job {
                    output: output.join(below),
                    input: file,
                });
            }
        } else {
            let name = input
                .file_name()
                .with_context(|| format!("{}: this is not a file", input.display()))?;
            jobs.push(Job {
                input: input.clone(),
                output: output.join(name),
            });
        }
    }
    let mut taken = HashSet::new();
    if let Some(twice) = jobs.iter().find(|job| !taken.insert(&job.output)) {
        bail!(
            "{}: two inputs would be written to this one output",
            twice.output.display()
        );
    }
    for folder in jobs.iter().filter_map(|job| job.output.parent()) {
        fs::create_dir_all(folder).with_context(|| format!("{}: this folder cannot be made", folder.display()))?;
    }
    Ok(jobs)
}

/// Whether `path`, which need not exist yet, is `folder` or below it.
fn lies_in(path: &Path, folder: &Path) -> Result<bool> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path);
    Ok(existing.canonicalize()?.starts_with(folder.canonicalize()?))
}

/// Every file below `folder` named like audio that can be written back, in order of name.
fn audio_files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("{}: this folder cannot be read", folder.display());
    let mut entries = fs::read_dir(folder)
        .with_context(unreadable)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(unreadable)?;
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() && !path.is_symlink() {
            files.extend(audio_files_in(&path)?);
        } else if path.is_file() && audio_file::is_writable_format(&path) {
            files.push(path);
        }
    }
    Ok(files)
}
