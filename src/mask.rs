//! From the network's mask to the gain of each band: amount and floor.

/// How strongly the mask acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// 0 leaves the input as it is, 1 applies the whole mask.
    pub amount: f32,
    /// Gain that is always left ("keep at least"), 0..=1.
    pub floor_gain: f32,
}

/// Part of the input to *remove* per band: `amount (1 - max(g, floor))`. The result keeps the rest, so that
/// speech + noise = input holds by construction.
#[inline(always)]
pub fn removal_into(mask: &[f32], strength: Strength, removal: &mut [f32]) {
    let (amount, floor_gain) = (share(strength.amount), share(strength.floor_gain));
    for (out, g) in removal.iter_mut().zip(mask) {
        *out = amount * (1.0 - g.max(floor_gain));
    }
}

/// Brings a value into 0..=1; unlike `clamp` it lets no NaN through.
fn share(value: f32) -> f32 {
    if value > 0.0 { value.min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_and_floor_bound_the_removal() {
        let mut out = [0.0; 3];
        removal_into(
            &[0.0, 0.5, 1.0],
            Strength {
                amount: 1.0,
                floor_gain: 0.1,
            },
            &mut out,
        );
        assert_eq!(out, [0.9, 0.5, 0.0]);
        removal_into(
            &[0.0, 0.5, 1.0],
            Strength {
                amount: 0.5,
                floor_gain: 0.0,
            },
            &mut out,
        );
        assert_eq!(out, [0.5, 0.25, 0.0]);
        removal_into(
            &[0.0, 0.5, 1.0],
            Strength {
                amount: 0.0,
                floor_gain: 0.0,
            },
            &mut out,
        );
        assert_eq!(out, [0.0; 3]);
    }

    #[test]
    fn numbers_that_are_none_remove_nothing_infinite() {
        let nan = f32::NAN;
        for (amount, floor_gain, mask) in [(nan, 0.1, 0.5), (1.0, nan, 0.5), (1.0, 0.1, nan), (nan, nan, nan)] {
            let mut out = [9.0];
            removal_into(&[mask], Strength { amount, floor_gain }, &mut out);
            assert!(
                (0.0..=1.0).contains(&out[0]),
                "{amount} {floor_gain} {mask}: {}",
                out[0]
            );
        }
    }
}
