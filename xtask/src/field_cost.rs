//! `cargo xtask field-cost`: what a model's field costs beside its network, hop by hop on the same estimates.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::RangedU64ValueParser;
use unfold::field::Presence;
use unfold::kernels::Packed;
use unfold::nmf::{self, Network};

use crate::bench::quantile;
use crate::denoise::read_model;
use crate::report::{self, table};

/// Hops of one measurement: enough for the clock, few enough to be rarely interrupted.
const BURST_HOPS: usize = 20;

/// Measure what a field costs beside the network
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A model file with a field; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    model: Vec<PathBuf>,
    /// Bursts of 20 hops measured at each depth
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    bursts: usize,
    /// Write the table into this Markdown file, between its field-cost markers
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A model cannot be read or has no field, or the report cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let mut rows = Vec::new();
    for path in &args.model {
        let model = read_model(path)?;
        let field = model.field.as_ref();
        let presence = Presence::new(field.with_context(|| format!("{} has no field", path.display()))?);
        let network = Network::<Packed>::new(&model, 1);
        for depth in 1..=model.layers() {
            let mut state = nmf::State::new(&model.config, 1);
            let mut memory = presence.state();
            let (mut network_us, mut field_us) = (Vec::new(), Vec::new());
            let mut features = vec![0.0; model.config.bands()];
            for burst in 0..args.bursts {
                for (band, v) in features.iter_mut().enumerate() {
                    *v = 0.2 + ((burst * 31 + band * 17) % 97) as f32 / 97.0;
                }
                state.floor.fill(0.2);
                let begin = Instant::now();
                for _ in 0..BURST_HOPS {
                    state.push_features(&model.config, &features);
                    nmf::forward(&network, &mut state, depth, true, &mut ());
                }
                network_us.push(begin.elapsed().as_secs_f64() * 1e6 / BURST_HOPS as f64);
                let begin = Instant::now();
                for _ in 0..BURST_HOPS {
                    let nmf::State {
                        speech, noise, mask, ..
                    } = &mut state;
                    presence.refine(speech, noise, mask, depth, &mut memory, &mut ());
                }
                field_us.push(begin.elapsed().as_secs_f64() * 1e6 / BURST_HOPS as f64);
            }
            let (network, field) = (quantile(&network_us, 0.5), quantile(&field_us, 0.5));
            rows.push(vec![
                format!(
                    "{}, depth {depth}",
                    path.file_stem().unwrap_or_default().to_string_lossy()
                ),
                format!("{network:.2}"),
                format!("{field:.2}"),
                format!("{:.1} %", 100.0 * field / network),
            ]);
        }
    }
    let header = ["model", "network (µs per hop)", "field (µs per hop)", "share"].map(str::to_owned);
    let text = format!(
        "Made by `cargo xtask field-cost` on {}: medians of {} bursts of {BURST_HOPS} hops, network and field in turns.\n\n{}",
        report::today(),
        args.bursts,
        table(&header, &rows)
    );
    println!("{text}");
    args.markdown
        .as_ref()
        .map_or(Ok(()), |path| report::write_section(path, "field-cost", &text))
}
