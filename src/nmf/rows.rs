//! How the bands of the noise floor spread over adaptive windows and over the rows of the stacked input: four small
//! linear maps, two of them the transposes of the others.

use super::Network;
use crate::bands::shared_sums;

/// Adds per-band values `[F, lanes]` into the adaptive windows they lie in `[J, lanes]`.
#[inline(always)]
pub fn spread<D>(network: &Network<D>, bands: &[f32], windows: &mut [f32]) {
    let lanes = network.lanes;
    for (window, range) in network.windows.iter().enumerate() {
        let (below, above) = windows[window * lanes..].split_at_mut(lanes);
        let weights = &network.upper_weight[range.clone()];
        if lanes == 1 {
            // The engine's case: sums in registers.
            let (lower, upper) = shared_sums(&bands[range.clone()], weights);
            below[0] += lower;
            above.iter_mut().take(1).for_each(|sum| *sum += upper);
            continue;
        }
        let values = bands[range.start * lanes..range.end * lanes].chunks_exact(lanes);
        for (values, weight) in values.zip(weights) {
            below
                .iter_mut()
                .zip(values)
                .for_each(|(sum, x)| *sum += (1.0 - weight) * x);
            above.iter_mut().zip(values).for_each(|(sum, x)| *sum += weight * x);
        }
    }
}

/// Transpose of [`spread`]: per-band values `[F, lanes]` interpolated between the windows `[J, lanes]`.
#[inline(always)]
pub fn gather<D>(network: &Network<D>, windows: &[f32], bands: &mut [f32]) {
    let lanes = network.lanes;
    for (window, range) in network.windows.iter().enumerate() {
        let (below, above) = windows[window * lanes..].split_at(lanes);
        let weights = &network.upper_weight[range.clone()];
        if lanes == 1 {
            let (lower, upper) = (below[0], above.first().copied().unwrap_or(0.0));
            for (value, weight) in bands[range.clone()].iter_mut().zip(weights) {
                *value = lower + weight * (upper - lower);
            }
            continue;
        }
        let values = bands[range.start * lanes..range.end * lanes].chunks_exact_mut(lanes);
        for (values, weight) in values.zip(weights) {
            for (value, lower) in values.iter_mut().zip(below) {
                *value = (1.0 - weight) * lower;
            }
            values
                .iter_mut()
                .zip(above)
                .for_each(|(value, upper)| *value += weight * upper);
        }
    }
}

/// Adds per-band values `[F, lanes]` to the input rows `[I, lanes]`: as they are to the current frame, as group means to
/// every block of context. `scratch` holds one block `[groups, lanes]`.
#[inline(always)]
pub fn distribute_add<D>(network: &Network<D>, bands: &[f32], scratch: &mut [f32], rows: &mut [f32]) {
    let (context, current) = rows.split_at_mut(rows.len() - bands.len());
    current.iter_mut().zip(bands).for_each(|(row, x)| *row += x);
    if !context.is_empty() {
        group_means(bands, network.config.context_group, network.lanes, scratch);
        for block in context.chunks_exact_mut(scratch.len()) {
            block.iter_mut().zip(scratch.iter()).for_each(|(row, x)| *row += x);
        }
    }
}

/// Transpose of [`distribute_add`]: per-band sums `[F, lanes]` of the input rows `[I, lanes]`.
#[inline(always)]
pub fn collect<D>(network: &Network<D>, rows: &[f32], scratch: &mut [f32], bands: &mut [f32]) {
    let (lanes, group) = (network.lanes, network.config.context_group);
    let (context, current) = rows.split_at(rows.len() - bands.len());
    bands.copy_from_slice(current);
    if context.is_empty() {
        return;
    }
    scratch.fill(0.0);
    for block in context.chunks_exact(scratch.len()) {
        scratch.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    if lanes == 1 {
        for (rows, sum) in bands.chunks_mut(group).zip(scratch.iter()) {
            let part = sum / rows.len() as f32;
            rows.iter_mut().for_each(|x| *x += part);
        }
        return;
    }
    for (rows, sum) in bands.chunks_mut(group * lanes).zip(scratch.chunks_exact(lanes)) {
        let share = lanes as f32 / rows.len() as f32;
        for row in rows.chunks_exact_mut(lanes) {
            row.iter_mut().zip(sum).for_each(|(x, sum)| *x += share * sum);
        }
    }
}

/// Sum over the input rows of each adaptive atom `[J, lanes]` that the floor `[F, lanes]` makes. `scratch` is `[F, lanes]`.
#[inline(always)]
pub fn adaptive_sums<D>(network: &Network<D>, floor: &[f32], scratch: &mut [f32], sums: &mut [f32]) {
    for ((out, weight), floor) in scratch.iter_mut().zip(&network.row_weight).zip(floor) {
        *out = weight * floor;
    }
    sums.fill(0.0);
    spread(network, scratch, sums);
}

/// Means `[groups, lanes]` of neighbouring rows of `bands [F, lanes]`.
#[inline(always)]
pub(super) fn group_means(bands: &[f32], group: usize, lanes: usize, means: &mut [f32]) {
    if lanes == 1 {
        for (rows, mean) in bands.chunks(group).zip(means.iter_mut()) {
            *mean = rows.iter().sum::<f32>() / rows.len() as f32;
        }
        return;
    }
    for (rows, mean) in bands.chunks(group * lanes).zip(means.chunks_exact_mut(lanes)) {
        mean.fill(0.0);
        for row in rows.chunks_exact(lanes) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
        }
        let share = lanes as f32 / rows.len() as f32;
        mean.iter_mut().for_each(|m| *m *= share);
    }
}
