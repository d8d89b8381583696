//! Blocks of weights that hardly matter become 0, which the engine leaves out ([`unfold::kernels::Packed`]).

use ndarray::Array2;
use unfold::kernels::BLOCK;
use unfold::model::Model;

/// Sets every block of [`BLOCK`] neighbouring weights of a row to 0 that holds less than `share` of the row's sum. At
/// least one block of each row stays.
pub fn prune(model: &mut Model, share: f32) {
    matrices(model).for_each(|matrix| prune_rows(matrix, share));
}

/// Everything that the engine multiplies by.
fn matrices(model: &mut Model) -> impl Iterator<Item = &mut Array2<f32>> {
    let layers = model
        .layers
        .iter_mut()
        .flat_map(|layer| [&mut layer.decoder, &mut layer.encoder]);
    let readouts = model.readouts.iter_mut().map(|readout| &mut readout.dictionary);
    layers.chain(readouts).chain([&mut model.warm_start.recurrence])
}

fn prune_rows(matrix: &mut Array2<f32>, share: f32) {
    for mut row in matrix.rows_mut() {
        let least = share.min(1.0 / row.len().div_ceil(BLOCK).max(1) as f32) * row.sum();
        let Some(row) = row.as_slice_mut() else { continue };
        for block in row.chunks_mut(BLOCK) {
            if block.iter().sum::<f32>() < least * 0.999 {
                block.fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array;

    #[test]
    fn small_blocks_go_and_one_always_stays() {
        let mut matrix = Array::from_elem((2, 40), 1.0_f32);
        matrix.row_mut(0).as_slice_mut().unwrap()[BLOCK..2 * BLOCK].fill(0.001);
        prune_rows(&mut matrix, 0.02);
        let sums: Vec<f32> = matrix
            .as_slice()
            .unwrap()
            .chunks(40)
            .flat_map(|row| row.chunks(BLOCK))
            .map(|b| b.iter().sum())
            .collect();
        assert_eq!(sums, [16.0, 0.0, 8.0, 16.0, 16.0, 8.0]);
        prune_rows(&mut matrix, 1.0);
        assert!(matrix.rows().into_iter().all(|row| row.sum() >= 16.0));
    }
}
