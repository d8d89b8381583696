//! Second-order filters at 48 kHz (the common "audio EQ cookbook" shapes) and chains of them.

use std::f64::consts::PI;

use super::RATE_HZ;

/// Sections that one pass over a signal runs together: enough to hide the latency of the recursion.
const SECTIONS_PER_PASS: usize = 4;

/// Coefficients of one normalised second-order section.
#[derive(Clone, Copy)]
pub struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    const IDENTITY: Self = Self {
        b: [1.0, 0.0, 0.0],
        a: [0.0, 0.0],
    };

    fn new(b: [f64; 3], a: [f64; 3]) -> Self {
        Self {
            b: b.map(|x| x / a[0]),
            a: [a[1] / a[0], a[2] / a[0]],
        }
    }

    /// (cos w, alpha) of the cookbook.
    fn angle(hz: f32, q: f32) -> (f64, f64) {
        let w = 2.0 * PI * f64::from((hz / RATE_HZ).clamp(1e-5, 0.49));
        (w.cos(), w.sin() / (2.0 * f64::from(q)))
    }

    /// Low-pass.
    pub fn low_pass(hz: f32, q: f32) -> Self {
        let (c, alpha) = Self::angle(hz, q);
        Self::new(
            [(1.0 - c) / 2.0, 1.0 - c, (1.0 - c) / 2.0],
            [1.0 + alpha, -2.0 * c, 1.0 - alpha],
        )
    }

    /// High-pass.
    pub fn high_pass(hz: f32, q: f32) -> Self {
        let (c, alpha) = Self::angle(hz, q);
        Self::new(
            [(1.0 + c) / 2.0, -1.0 - c, (1.0 + c) / 2.0],
            [1.0 + alpha, -2.0 * c, 1.0 - alpha],
        )
    }

    /// Resonance with peak gain 1 at `hz`.
    pub fn band_pass(hz: f32, q: f32) -> Self {
        let (c, alpha) = Self::angle(hz, q);
        Self::new([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * c, 1.0 - alpha])
    }

    /// Bell of `gain_db` at `hz`.
    pub fn peak(hz: f32, q: f32, gain_db: f32) -> Self {
        let (c, alpha) = Self::angle(hz, q);
        let g = 10.0_f64.powf(f64::from(gain_db) / 40.0);
        Self::new(
            [1.0 + alpha * g, -2.0 * c, 1.0 - alpha * g],
            [1.0 + alpha / g, -2.0 * c, 1.0 - alpha / g],
        )
    }

    /// `gain_db` well below `hz`, 0 dB well above.
    pub fn low_shelf(hz: f32, q: f32, gain_db: f32) -> Self {
        Self::shelf(hz, q, gain_db, 1.0)
    }

    /// `gain_db` well above `hz`, 0 dB well below.
    pub fn high_shelf(hz: f32, q: f32, gain_db: f32) -> Self {
        Self::shelf(hz, q, gain_db, -1.0)
    }

    /// The two shelves mirror each other: `sign` is 1 for the low and -1 for the high one.
    fn shelf(hz: f32, q: f32, gain_db: f32, sign: f64) -> Self {
        let (c, alpha) = Self::angle(hz, q);
        let g = 10.0_f64.powf(f64::from(gain_db) / 40.0);
        let (up, down, c) = (g + 1.0, g - 1.0, sign * c);
        let root = 2.0 * g.sqrt() * alpha;
        Self::new(
            [
                g * (up - down * c + root),
                sign * 2.0 * g * (down - up * c),
                g * (up - down * c - root),
            ],
            [
                up + down * c + root,
                -sign * 2.0 * (down + up * c),
                up + down * c - root,
            ],
        )
    }

    /// Filters in place, from a silent past.
    pub fn run(self, signal: &mut [f32]) {
        run_sections([self], signal);
    }
}

/// Several sections in a row.
#[derive(Default)]
pub struct Cascade(Vec<Biquad>);

impl Cascade {
    /// Appends a section.
    pub fn push(&mut self, section: Biquad) {
        self.0.push(section);
    }

    /// True without any section.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Filters in place, from a silent past.
    pub fn run(&self, signal: &mut [f32]) {
        for group in self.0.chunks(SECTIONS_PER_PASS) {
            let mut sections = [Biquad::IDENTITY; SECTIONS_PER_PASS];
            sections[..group.len()].copy_from_slice(group);
            run_sections(sections, signal);
        }
    }
}

/// Steep low-pass (Butterworth, order 8): what an anti-aliasing filter leaves.
pub fn band_limit(signal: &mut [f32], hz: f32) {
    const BUTTERWORTH_Q: [f32; 4] = [0.509_8, 0.601_3, 0.9, 2.562_9];
    if hz < 0.49 * RATE_HZ {
        run_sections(BUTTERWORTH_Q.map(|q| Biquad::low_pass(hz, q)), signal);
    }
}

fn run_sections<const N: usize>(sections: [Biquad; N], signal: &mut [f32]) {
    let mut state = [[0.0_f64; 2]; N];
    for x in signal {
        let mut value = f64::from(*x);
        for (Biquad { b, a }, s) in sections.iter().zip(&mut state) {
            let out = b[0] * value + s[0];
            s[0] = b[1] * value - a[0] * out + s[1];
            s[1] = b[2] * value - a[1] * out;
            value = out;
        }
        *x = value as f32;
    }
}
