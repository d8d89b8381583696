//! The report's figures, as SVG text.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::plan::{Plan, System, TEST_SNRS_DB, Training};
use super::statements::by_excerpt;
use super::stft::{BINS, RATE_HZ};
use super::tables::Row;
use crate::bootstrap::interval;

/// Atoms drawn of each source, and the groups of bins that make one cell.
const DRAWN_ATOMS: usize = 20;
const BAND_GROUPS: usize = 33;

/// A point of the first figure: parameters and mean SDR in dB.
type Point = (f64, f64);

/// Mean SDR against the number of trained parameters.
///
/// # Errors
/// The figure cannot be drawn.
pub fn sdr_against_parameters(plan: &Plan, rows: &[Row]) -> Result<String> {
    let mut curves: Vec<(String, Vec<Point>)> = Vec::new();
    for &atoms in &plan.atoms_per_source {
        for &k in &plan.iterations {
            for (arm, label) in [(Training::Multiplicative, "multiplicative"), (Training::Adam, "Adam")] {
                let points = points(rows, |system| {
                    matches!(system, System::Nmf { iterations, atoms: r, training, .. }
                        if (*iterations, *r, *training) == (k, atoms, arm))
                });
                curves.push((format!("R=2x{atoms}, K={k}, {label}"), points));
            }
        }
    }
    let dnn = points(rows, |system| matches!(system, System::Mlp { .. }));
    curves.push(("DNN".to_owned(), dnn));
    let mut svg = String::new();
    draw_curves(&mut svg, &curves).map_err(|error| anyhow!("{error}"))?;
    Ok(svg)
}

fn points(rows: &[Row], chosen: impl Fn(&System) -> bool) -> Vec<Point> {
    let all: Vec<usize> = (0..TEST_SNRS_DB.len()).collect();
    rows.iter()
        .filter_map(|row| {
            let system = row.system.as_ref().filter(|system| chosen(system))?;
            let found = interval(&by_excerpt(&row.scores, &all, |score| score.sdr_db));
            let parameters = system.parameters();
            (parameters > 0).then_some((parameters as f64, found.mean))
        })
        .collect()
}

/// Smallest and largest of some values.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
        [low.min(x), high.max(x)]
    })
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw_curves(svg: &mut String, curves: &[(String, Vec<Point>)]) -> Drawn {
    let all = || curves.iter().flat_map(|(_, points)| points);
    let [least, most] = range(all().map(|point| point.0));
    let [low, high] = range(all().map(|point| point.1));
    let root = SVGBackend::with_string(svg, (1000, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let (plot, names) = root.split_horizontally(760);
    let mut chart = ChartBuilder::on(&plot)
        .margin(12)
        .caption(
            "Mean SDR by trained parameters (deep NMF: C = 1, 2, 3)",
            ("sans-serif", 18),
        )
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((least / 1.5..most * 1.5).log_scale(), low - 0.2..high + 0.2)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("trained parameters")
        .y_desc("SDR (dB)")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        chart.draw_series(line.point_size(4))?;
        let y = 60 + 24 * index as i32;
        names.draw(&PathElement::new([(0, y), (22, y)], colour.stroke_width(3)))?;
        names.draw(&Text::new(name.clone(), (30, y - 7), ("sans-serif", 14)))?;
    }
    root.present()?;
    Ok(())
}

/// Reconstruction atoms `[R][F]` (the first half speech) before and after training.
///
/// # Errors
/// The figure cannot be drawn.
pub fn dictionary(before: &[f32], after: &[f32], title: &str) -> Result<String> {
    let mut svg = String::new();
    draw_dictionary(&mut svg, before, after, title).map_err(|e| anyhow!("{e}"))?;
    Ok(svg)
}

fn draw_dictionary(svg: &mut String, before: &[f32], after: &[f32], title: &str) -> Drawn {
    let root = SVGBackend::with_string(svg, (900, 700)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(title, ("sans-serif", 18))?;
    let panels = root.split_evenly((2, 2));
    let half = before.len() / 2;
    for (source, name) in ["speech", "noise"].into_iter().enumerate() {
        let own = source * half..(source + 1) * half;
        let order = by_centroid(&before[own.clone()]);
        for (column, (atoms, when)) in [(before, "sparse NMF"), (after, "trained")].into_iter().enumerate() {
            let caption = format!("{name} atoms, {when}");
            draw_atoms(&panels[2 * source + column], &atoms[own.clone()], &order, &caption)?;
        }
    }
    root.present()?;
    Ok(())
}

/// Atoms spread evenly over all of them when ordered by their centre of mass.
fn by_centroid(atoms: &[f32]) -> Vec<usize> {
    let centroid = |atom: &[f32]| {
        let weighted: f32 = atom.iter().enumerate().map(|(bin, w)| bin as f32 * w).sum();
        weighted / atom.iter().sum::<f32>().max(1e-9)
    };
    let centroids: Vec<f32> = atoms.chunks_exact(BINS).map(centroid).collect();
    let mut order: Vec<usize> = (0..centroids.len()).collect();
    order.sort_by(|a, b| centroids[*a].total_cmp(&centroids[*b]));
    let drawn = order.len().min(DRAWN_ATOMS);
    (0..drawn).map(|at| order[at * order.len() / drawn]).collect()
}

fn draw_atoms(
    panel: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    atoms: &[f32],
    order: &[usize],
    caption: &str,
) -> Drawn {
    let top_khz = f64::from(RATE_HZ) / 2000.0;
    let mut chart = ChartBuilder::on(panel)
        .margin(8)
        .caption(caption, ("sans-serif", 14))
        .x_label_area_size(28)
        .y_label_area_size(36)
        .build_cartesian_2d(0.0..order.len() as f64, 0.0..top_khz)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("atom")
        .y_desc("kHz")
        .draw()?;
    let cells = order.iter().enumerate().flat_map(|(column, &atom)| {
        let levels = grouped(&atoms[atom * BINS..(atom + 1) * BINS]);
        let height = top_khz / levels.len() as f64;
        levels.into_iter().enumerate().map(move |(group, level)| {
            // Dark is loud; the root keeps quiet parts visible.
            let shade = (255.0 * (1.0 - level.sqrt())) as u8;
            let corner = |x: usize, y: usize| (x as f64, y as f64 * height);
            let corners = [corner(column, group), corner(column + 1, group + 1)];
            Rectangle::new(corners, RGBColor(shade, shade, shade).filled())
        })
    });
    chart.draw_series(cells)?;
    Ok(())
}

/// Means over groups of bins, the largest being 1.
fn grouped(atom: &[f32]) -> Vec<f32> {
    let size = BINS.div_ceil(BAND_GROUPS);
    let means: Vec<f32> = atom
        .chunks(size)
        .map(|bins| bins.iter().sum::<f32>() / bins.len() as f32)
        .collect();
    let largest = means.iter().copied().fold(1e-9, f32::max);
    means.iter().map(|mean| mean / largest).collect()
}
