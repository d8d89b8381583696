//! A dictionary without its empty blocks: non-negative atoms are sparse, and what is not there costs nothing.

use super::{Dictionary, Products};

/// Neighbouring columns that are left out together if all their weights in a row are 0.
pub const BLOCK: usize = 16;

/// Weights as bfloat16 (the upper half of an `f32`), for matrix-vector products: one lane, no allocation, each weight
/// read once in order. A model from a file holds bfloat16 values anyway, so nothing is lost.
#[derive(Clone, Debug)]
pub struct Packed {
    rows: usize,
    cols: usize,
    /// Column by column of blocks, each block with its row; empty unless packed to reconstruct.
    by_column: Blocks,
    /// Row by row, each block with its column of blocks; empty unless packed to correlate.
    by_row: Blocks,
}

/// Blocks that hold weights, in the order in which a product reads them.
#[derive(Clone, Debug, Default)]
struct Blocks {
    /// How many belong to each line, the lines one after the other.
    counts: Vec<u16>,
    /// Where each block lies across its line.
    places: Vec<u16>,
    weights: Vec<[u16; BLOCK]>,
}

impl Blocks {
    /// `block(line, place)` for all of them, without those that are all zeros.
    fn collect(lines: usize, places: usize, block: impl Fn(usize, usize) -> [u16; BLOCK]) -> Self {
        let mut blocks = Self::default();
        for line in 0..lines {
            let before = blocks.places.len();
            for place in 0..places {
                let weights = block(line, place);
                if weights != [0; BLOCK] {
                    // Sizes of a model are far below 65536.
                    blocks.places.push(place as u16);
                    blocks.weights.push(weights);
                }
            }
            blocks.counts.push((blocks.places.len() - before) as u16);
        }
        blocks
    }

    /// Places and blocks of each line.
    #[inline(always)]
    fn lines(&self) -> impl Iterator<Item = (&[u16], &[[u16; BLOCK]])> {
        let (mut places, mut weights) = (&self.places[..], &self.weights[..]);
        self.counts.iter().map(move |&count| {
            let line = (&places[..usize::from(count)], &weights[..usize::from(count)]);
            (places, weights) = (&places[usize::from(count)..], &weights[usize::from(count)..]);
            line
        })
    }
}

impl Dictionary for Packed {
    fn pack(weights: &[f32], cols: usize, products: Products) -> Self {
        let rows = weights.len().checked_div(cols).unwrap_or(0);
        let block = |row: usize, column: usize| -> [u16; BLOCK] {
            let row = &weights[row * cols..(row + 1) * cols];
            std::array::from_fn(|i| {
                let weight = row.get(column * BLOCK + i).copied().unwrap_or(0.0);
                half::bf16::from_f32(weight).to_bits()
            })
        };
        let columns = cols.div_ceil(BLOCK);
        let mut packed = Self {
            rows,
            cols,
            by_column: Blocks::default(),
            by_row: Blocks::default(),
        };
        if products != Products::Correlate {
            packed.by_column = Blocks::collect(columns, rows, |column, row| block(row, column));
        }
        if products != Products::Reconstruct {
            packed.by_row = Blocks::collect(rows, columns, block);
        }
        packed
    }

    #[inline(always)]
    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!((lanes, self.by_column.counts.len()), (1, self.cols.div_ceil(BLOCK)));
        let x = &x[..self.rows];
        for ((places, weights), out) in self.by_column.lines().zip(out[..self.cols].chunks_mut(BLOCK)) {
            // Two blocks at a time, so that no addition waits for the one before.
            let mut sums = [[0.0; BLOCK]; 2];
            let ((pairs, last), (weights, last_weights)) = (places.as_chunks::<2>(), weights.as_chunks::<2>());
            for (pair, weights) in pairs.iter().zip(weights) {
                for k in 0..2 {
                    let h = x[usize::from(pair[k])];
                    for (sum, w) in sums[k].iter_mut().zip(&weights[k]) {
                        *sum += h * widen(*w);
                    }
                }
            }
            let mut total: [f32; BLOCK] = std::array::from_fn(|i| sums[0][i] + sums[1][i]);
            for (place, weights) in last.iter().zip(last_weights) {
                let h = x[usize::from(*place)];
                for (sum, w) in total.iter_mut().zip(weights) {
                    *sum += h * widen(*w);
                }
            }
            out.copy_from_slice(&total[..out.len()]);
        }
    }

    #[inline(always)]
    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!((lanes, self.by_row.counts.len()), (1, self.rows));
        let (whole, rest) = x[..self.cols].as_chunks::<BLOCK>();
        let mut end = [0.0; BLOCK];
        end[..rest.len()].copy_from_slice(rest);
        let values = |place: u16| whole.get(usize::from(place)).unwrap_or(&end);
        for ((places, weights), y) in self.by_row.lines().zip(out) {
            let mut sums = [0.0; 2 * BLOCK];
            let ((pairs, last), (weights, last_weights)) = (places.as_chunks::<2>(), weights.as_chunks::<2>());
            for (pair, weights) in pairs.iter().zip(weights) {
                let (even, odd) = (values(pair[0]), values(pair[1]));
                for i in 0..BLOCK {
                    sums[i] += widen(weights[0][i]) * even[i];
                }
                for i in 0..BLOCK {
                    sums[BLOCK + i] += widen(weights[1][i]) * odd[i];
                }
            }
            let mut total: [f32; BLOCK] = std::array::from_fn(|i| sums[i] + sums[BLOCK + i]);
            for (place, weights) in last.iter().zip(last_weights) {
                let x = values(*place);
                for i in 0..BLOCK {
                    total[i] += widen(weights[i]) * x[i];
                }
            }
            *y = sum(&total);
        }
    }
}

/// A bfloat16 as `f32`.
#[inline(always)]
fn widen(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Halves upon halves: short chains of additions, which a sum from left to right would not be.
#[inline(always)]
fn sum(values: &[f32; BLOCK]) -> f32 {
    let half: [f32; 8] = std::array::from_fn(|i| values[i] + values[i + 8]);
    let quarter: [f32; 4] = std::array::from_fn(|i| half[i] + half[i + 4]);
    (quarter[0] + quarter[2]) + (quarter[1] + quarter[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_match_plain_sums_at_every_size_and_sparsity() {
        for (rows, cols) in [(1, 1), (3, 15), (5, 16), (2, 17), (7, 100), (4, 177), (9, 240)] {
            for kept in [1, 2, 5, 1000] {
                // Eighths are exact in bfloat16. Whole blocks are 0, but for the first of each row.
                let value = |i: usize| ((i * 7919 % 31) as f32 - 15.0) / 8.0;
                let empty = |row: usize, block: usize| block > 0 && !(row + block).is_multiple_of(kept);
                let weight = |i: usize| {
                    let hole = empty(i / cols, i % cols / BLOCK);
                    if hole { 0.0 } else { value(i) }
                };
                let w: Vec<f32> = (0..rows * cols).map(weight).collect();
                let h: Vec<f32> = (0..rows).map(|i| value(i + 3)).collect();
                let x: Vec<f32> = (0..cols).map(|i| value(i + 11)).collect();
                let (mut l, mut n) = (vec![9.0; cols], vec![9.0; rows]);
                Packed::pack(&w, cols, Products::Reconstruct).reconstruct(&h, &mut l, 1);
                Packed::pack(&w, cols, Products::Correlate).correlate(&x, &mut n, 1);
                for (c, got) in l.iter().enumerate() {
                    let expected: f32 = (0..rows).map(|r| h[r] * w[r * cols + c]).sum();
                    assert!((got - expected).abs() < 1e-4);
                }
                for (r, got) in n.iter().enumerate() {
                    let expected: f32 = (0..cols).map(|c| x[c] * w[r * cols + c]).sum();
                    assert!((got - expected).abs() < 1e-4);
                }
            }
        }
    }
}
