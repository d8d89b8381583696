//! The report's figures, as SVG text.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::bootstrap::interval;
use super::plan::{Plan, System, TEST_SNRS_DB, Training};
use super::statements::by_excerpt;
use super::stft::{BINS, RATE_HZ};
use super::tables::Row;

/// Atoms drawn of each source, and the groups of bins that make one cell.
const DRAWN_ATOMS: usize = 20;
const BAND_GROUPS: usize = 33;

/// A point of the first figure: parameters, mean, low and high.
type Point = (f64, [f64; 3]);

/// Mean SDR and its interval against the number of trained parameters.
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
                curves.push((format!("NMF, R=2x{atoms}, K={k}, {label}, C=1..3"), points));
            }
        }
    }
    let dnn = points(rows, |system| matches!(system, System::Mlp { .. }));
    curves.push(("DNN".to_owned(), dnn));
    let limits: Vec<f64> = curves
        .iter()
        .flat_map(|(_, points)| points)
        .flat_map(|point| point.1)
        .collect();
    let (low, high) = limits
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
    let sizes: Vec<f64> = curves
        .iter()
        .flat_map(|(_, points)| points)
        .map(|point| point.0)
        .collect();
    let (least, most) = sizes.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), x| {
        (least.min(*x), most.max(*x))
    });
    let mut svg = String::new();
    draw_curves(&mut svg, &curves, [least / 2.0, most * 2.0], [low - 0.3, high + 0.3]).map_err(|e| anyhow!("{e}"))?;
    Ok(svg)
}

fn points(rows: &[Row], chosen: impl Fn(&System) -> bool) -> Vec<Point> {
    let all: Vec<usize> = (0..TEST_SNRS_DB.len()).collect();
    rows.iter()
        .filter_map(|row| {
            let system = row.system.as_ref().filter(|system| chosen(system))?;
            let found = interval(&by_excerpt(&row.scores, &all, |score| score.sdr_db));
            let parameters = system.parameters();
            (parameters > 0).then_some((parameters as f64, [found.mean, found.low, found.high]))
        })
        .collect()
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw_curves(svg: &mut String, curves: &[(String, Vec<Point>)], x: [f64; 2], y: [f64; 2]) -> Drawn {
    let root = SVGBackend::with_string(svg, (900, 620)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .caption(
            "Mean SDR by trained parameters (bars: 95 % intervals over excerpts)",
            ("sans-serif", 18),
        )
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((x[0]..x[1]).log_scale(), y[0]..y[1])?;
    chart
        .configure_mesh()
        .x_desc("trained parameters")
        .y_desc("SDR (dB)")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        chart
            .draw_series(LineSeries::new(points.iter().map(|(x, y)| (*x, y[0])), colour.stroke_width(2)).point_size(4))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
        let bars = points.iter().enumerate().map(|(at, (x, y))| {
            // Curves of equal size would hide each other's bars.
            let x = x * (1.0 + 0.012 * (index as f64 - 4.0) + 0.002 * at as f64);
            PathElement::new([(x, y[1]), (x, y[2])], colour.mix(0.4))
        });
        chart.draw_series(bars)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .draw()?;
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
