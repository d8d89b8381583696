//! A dictionary without its empty blocks: non-negative atoms are sparse, and what is not there costs nothing.

use super::{Dictionary, Products};

/// Neighbouring columns that are left out together if all their weights in a row are 0.
pub const BLOCK: usize = 16;

const HALF: usize = BLOCK / 2;

/// Sums that a line's blocks take turns in, so that no addition waits for the one before.
const SUMS: usize = 2;

/// Rows whose products are summed up together.
const ROWS: usize = 8;

/// Blocks of columns in a panel; a power of two, so that a place in it needs no check.
const PANEL: usize = 32;

/// 16 weights as bfloat16 (the upper half of an `f32`): weight i in the lower half of element i, weight i + 8 in its upper half. So
/// a shift and a mask widen them, which is less work than to spread 16-bit elements over vectors.
type Block = [u32; HALF];

/// Weights as bfloat16, for matrix-vector products: one lane, no allocation, each weight read once in order. A model from a file
/// holds bfloat16 values anyway, so nothing is lost.
#[derive(Clone, Debug)]
pub struct Packed {
    rows: usize,
    cols: usize,
    /// A line is a column of blocks, a place in it a row; empty unless packed to reconstruct.
    by_column: Lines<4>,
    /// For each panel of columns: a line is a row, a place in it a column of blocks. Empty unless packed to correlate.
    by_row: Vec<Lines<2>>,
}

/// Blocks that hold weights, in the order in which a product reads them, `GROUP` at a time: more for long lines.
#[derive(Clone, Debug, Default)]
struct Lines<const GROUP: usize> {
    /// How many groups belong to each line, the lines one after the other.
    counts: Vec<u16>,
    /// Where each block lies in its line.
    places: Vec<[u16; GROUP]>,
    weights: Vec<[Block; GROUP]>,
}

impl<const GROUP: usize> Lines<GROUP> {
    /// `block(line, place)` for all of them, without those that are all zeros.
    fn collect(lines: usize, places: usize, block: impl Fn(usize, usize) -> Block) -> Self {
        let mut all = Self::default();
        for line in 0..lines {
            let kept: Vec<(usize, Block)> = (0..places)
                .map(|place| (place, block(line, place)))
                .filter(|(_, weights)| *weights != [0; HALF])
                .collect();
            // A group that is not full ends with zeros.
            let member = |group: &[(usize, Block)], i: usize| group.get(i).copied().unwrap_or((0, [0; HALF]));
            for group in kept.chunks(GROUP) {
                // Sizes of a model are far below 65536.
                all.places.push(std::array::from_fn(|i| member(group, i).0 as u16));
                all.weights.push(std::array::from_fn(|i| member(group, i).1));
            }
            all.counts.push(kept.len().div_ceil(GROUP) as u16);
        }
        all
    }

    /// Places and blocks of each line.
    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (&[[u16; GROUP]], &[[Block; GROUP]])> {
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
        let block = |row: usize, column: usize| -> Block {
            let row = &weights[row * cols..(row + 1) * cols];
            let bits = |i: usize| {
                let weight = row.get(column * BLOCK + i).copied().unwrap_or(0.0);
                u32::from(half::bf16::from_f32(weight).to_bits())
            };
            std::array::from_fn(|i| bits(i) | bits(i + HALF) << 16)
        };
        let columns = cols.div_ceil(BLOCK);
        let mut packed = Self {
            rows,
            cols,
            by_column: Lines::default(),
            by_row: Vec::new(),
        };
        if products != Products::Correlate {
            packed.by_column = Lines::collect(columns, rows, |column, row| block(row, column));
        }
        if products != Products::Reconstruct {
            let panel =
                |first| Lines::collect(rows, PANEL.min(columns - first), |row, place| block(row, first + place));
            packed.by_row = (0..columns).step_by(PANEL).map(panel).collect();
        }
        packed
    }

    #[inline(always)]
    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!((lanes, self.by_column.counts.len()), (1, self.cols.div_ceil(BLOCK)));
        let x = &x[..self.rows];
        for ((places, weights), out) in self.by_column.iter().zip(out[..self.cols].chunks_mut(BLOCK)) {
            let mut low_sums = [[0.0; HALF]; SUMS];
            let mut high_sums = [[0.0; HALF]; SUMS];
            for (places, weights) in places.iter().zip(weights) {
                for k in 0..places.len() {
                    let h = x[usize::from(places[k])];
                    for i in 0..HALF {
                        low_sums[k % SUMS][i] += h * low(weights[k][i]);
                    }
                    for i in 0..HALF {
                        high_sums[k % SUMS][i] += h * high(weights[k][i]);
                    }
                }
            }
            let total = |i: usize| {
                let sums = if i < HALF { &low_sums } else { &high_sums };
                sums[0][i % HALF] + sums[1][i % HALF]
            };
            let totals: [f32; BLOCK] = std::array::from_fn(total);
            out.copy_from_slice(&totals[..out.len()]);
        }
    }

    #[inline(always)]
    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!((lanes, self.by_row.len()), (1, self.cols.div_ceil(BLOCK * PANEL)));
        let out = &mut out[..self.rows];
        out.fill(0.0);
        for (lines, x) in self.by_row.iter().zip(x[..self.cols].chunks(BLOCK * PANEL)) {
            let mut blocks = [[0.0; BLOCK]; PANEL];
            blocks.as_flattened_mut()[..x.len()].copy_from_slice(x);
            let mut lines = lines.iter();
            for out in out.chunks_mut(ROWS) {
                // A row's sums as a function of their own were not vectorised, and took twice the time.
                let mut parts = [[0.0; HALF]; ROWS];
                for (part, (places, weights)) in parts[..out.len()].iter_mut().zip(&mut lines) {
                    let mut low_sums = [[0.0; HALF]; SUMS];
                    let mut high_sums = [[0.0; HALF]; SUMS];
                    for (places, weights) in places.iter().zip(weights) {
                        for k in 0..places.len() {
                            let x = &blocks[usize::from(places[k]) % PANEL];
                            for i in 0..HALF {
                                low_sums[k % SUMS][i] += x[i] * low(weights[k][i]);
                            }
                            for i in 0..HALF {
                                high_sums[k % SUMS][i] += x[HALF + i] * high(weights[k][i]);
                            }
                        }
                    }
                    *part = std::array::from_fn(|i| {
                        (low_sums[0][i] + low_sums[1][i]) + (high_sums[0][i] + high_sums[1][i])
                    });
                }
                let sums: [f32; ROWS] = std::array::from_fn(|row| sum(&parts[row]));
                out.iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
            }
        }
    }
}

/// The bfloat16 in the lower half as `f32`.
#[inline(always)]
fn low(bits: u32) -> f32 {
    f32::from_bits(bits << 16)
}

/// The bfloat16 in the upper half as `f32`.
#[inline(always)]
fn high(bits: u32) -> f32 {
    f32::from_bits(bits & 0xffff_0000)
}

/// Halves upon halves: short chains of additions, which a sum from left to right would not be.
#[inline(always)]
fn sum(values: &[f32; HALF]) -> f32 {
    let quarter: [f32; 4] = std::array::from_fn(|i| values[i] + values[i + 4]);
    (quarter[0] + quarter[2]) + (quarter[1] + quarter[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_match_plain_sums_at_every_size_and_sparsity() {
        for (rows, cols) in [
            (1, 1),
            (3, 15),
            (5, 16),
            (2, 17),
            (7, 100),
            (4, 177),
            (9, 240),
            (11, 1100),
        ] {
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
