//! The parts view: how active every atom is, and the spectrum of the one that is picked.

use std::ops::Range;

use egui::accesskit::Role;
use egui::{
    Align2, Color32, EventFilter, Key, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, lerp,
    pos2, vec2,
};

use super::axes::{self, LineStyle, hz_text};
use super::theme::{Theme, label_font};
use crate::meters::{DISPLAY_BANDS, MAX_ATOMS, MeterFrame, display_band_hz};
use crate::shared::EditorShared;

/// Share of a bar's height that remains from one frame to the next when the activation drops.
const FALL: f32 = 0.8;
/// The same for the activation that fills the height.
const SCALE_FALL: f32 = 0.995;
const GROUP_GAP: f32 = 14.0;

/// The four kinds of atoms, in the order of a frame's activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Speech,
    Noise,
    Adaptive,
    Learnt,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Speech, Self::Noise, Self::Adaptive, Self::Learnt];

    fn name(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Noise => "noise",
            Self::Adaptive => "adaptive noise",
            Self::Learnt => "learnt noise",
        }
    }

    fn color(self, theme: &Theme) -> Color32 {
        match self {
            Self::Speech => theme.accent,
            Self::Noise => theme.noise,
            Self::Adaptive => theme.adaptive,
            Self::Learnt => theme.learnt,
        }
    }
}

/// What the view remembers.
pub struct PartsView {
    /// Shown activations.
    bars: [f32; MAX_ATOMS],
    /// Activation that fills the height.
    scale: f32,
    /// Atoms of each [`Kind`].
    counts: [usize; 4],
    selected: usize,
}

impl Default for PartsView {
    fn default() -> Self {
        Self {
            bars: [0.0; MAX_ATOMS],
            scale: 0.0,
            counts: [0; 4],
            selected: 0,
        }
    }
}

impl PartsView {
    /// Takes in a new frame.
    pub fn update(&mut self, frame: &MeterFrame) {
        let mut room = MAX_ATOMS;
        let counts = [
            frame.speech_atoms,
            frame.noise_atoms,
            frame.adaptive_atoms,
            frame.learnt_atoms,
        ];
        self.counts = counts.map(|count| {
            let fitting = (count as usize).min(room);
            room -= fitting;
            fitting
        });
        let mut loudest = 0.0_f32;
        for (bar, activation) in self.bars.iter_mut().zip(&frame.activations).take(MAX_ATOMS - room) {
            *bar = (*bar * FALL).max(activation.max(0.0));
            loudest = loudest.max(*bar);
        }
        self.scale = (self.scale * SCALE_FALL).max(loudest);
        self.selected = self.selected.min((MAX_ATOMS - room).saturating_sub(1));
    }

    /// Audio has stopped: no part is active.
    pub fn rest(&mut self) {
        self.bars.fill(0.0);
    }

    /// The legend: one sample of each pattern.
    pub fn legend(&self, ui: &Ui, right: Pos2, theme: &Theme) {
        let mut x = right.x;
        let present = Kind::ALL
            .into_iter()
            .rev()
            .filter(|kind| *kind != Kind::Learnt || self.counts[*kind as usize] > 0);
        for kind in present {
            let text = format!("{} {}", kind.name(), self.counts[kind as usize]);
            let pos = pos2(x, right.y);
            let text_rect = ui
                .painter()
                .text(pos, Align2::RIGHT_CENTER, text, label_font(11.5), theme.text);
            let sample = Rect::from_min_max(
                pos2(text_rect.left() - 15.0, right.y - 6.0),
                pos2(text_rect.left() - 5.0, right.y + 6.0),
            );
            paint_bar(ui.painter(), sample, kind, kind.color(theme));
            x = sample.left() - 14.0;
        }
    }

    /// Draws the view into `rect`.
    pub fn show(&mut self, ui: &Ui, rect: Rect, theme: &Theme, shared: &EditorShared) {
        let inner = Rect::from_min_max(rect.min + vec2(16.0, 12.0), rect.max - vec2(16.0, 20.0));
        let (bars, shape) = inner.split_top_bottom_at_fraction(0.52);
        let bars = Rect::from_min_max(bars.min, bars.max - vec2(0.0, 8.0));
        let shape = Rect::from_min_max(shape.min + vec2(26.0, 20.0), shape.max);
        if self.counts.iter().sum::<usize>() == 0 {
            let text = "Parts appear as soon as audio plays.";
            ui.painter()
                .text(inner.center(), Align2::CENTER_CENTER, text, label_font(13.0), theme.dim);
            return;
        }
        let groups = self.groups(bars);
        self.interact(ui, bars, theme, &groups);
        for (kind, atoms, rect) in groups {
            self.paint_group(ui.painter(), kind, atoms, rect, theme);
        }
        self.paint_shape(ui, shape, theme, shared);
    }

    /// Atoms and place of every kind that has any.
    fn groups(&self, rect: Rect) -> Vec<(Kind, Range<usize>, Rect)> {
        let total: usize = self.counts.iter().sum();
        let present = self.counts.iter().filter(|count| **count > 0).count();
        let width = rect.width() - GROUP_GAP * present.saturating_sub(1) as f32;
        let (mut first, mut left) = (0, rect.left());
        let mut groups = Vec::with_capacity(present);
        for kind in Kind::ALL {
            let count = self.counts[kind as usize];
            if count == 0 {
                continue;
            }
            let right = left + width * count as f32 / total as f32;
            let place = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
            groups.push((kind, first..first + count, place));
            first += count;
            left = right + GROUP_GAP;
        }
        groups
    }

    fn interact(&mut self, ui: &Ui, rect: Rect, theme: &Theme, groups: &[(Kind, Range<usize>, Rect)]) {
        let response = ui.interact(rect, ui.scope_id().with("parts"), Sense::click());
        if response.clicked()
            && let Some(pointer) = response.interact_pointer_pos()
            && let Some(atom) = atom_at(groups, pointer)
        {
            self.selected = atom;
            response.request_focus();
        }
        if response.has_focus() {
            theme.focus_ring(ui.painter(), rect.expand(2.0));
            let filter = EventFilter {
                horizontal_arrows: true,
                ..EventFilter::default()
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
            let (left, right) =
                ui.input(|input| (input.num_presses(Key::ArrowLeft), input.num_presses(Key::ArrowRight)));
            let last = self.counts.iter().sum::<usize>() - 1;
            self.selected = (self.selected + right).saturating_sub(left).min(last);
        }
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(self.title()),
            ..WidgetInfo::labeled(Role::ListBox, true, "Activation of the parts")
        });
    }

    fn paint_group(&self, painter: &Painter, kind: Kind, atoms: Range<usize>, rect: Rect, theme: &Theme) {
        let color = kind.color(theme);
        painter.hline(rect.x_range(), rect.bottom() - 6.0, Stroke::new(1.0, theme.outline));
        let slot = rect.width() / atoms.len() as f32;
        let bar_width = (slot - 1.0).max(slot * 0.7).min(14.0);
        let tallest = rect.height() - 8.0;
        for atom in atoms.clone() {
            let center = rect.left() + slot * ((atom - atoms.start) as f32 + 0.5);
            // The square root lets quiet parts be seen beside loud ones.
            let share = if self.scale > 0.0 {
                (self.bars[atom] / self.scale).sqrt()
            } else {
                0.0
            };
            let bottom = rect.bottom() - 7.0;
            let bar = Rect::from_min_max(
                pos2(center - bar_width / 2.0, bottom - (share * tallest).max(1.0)),
                pos2(center + bar_width / 2.0, bottom),
            );
            paint_bar(painter, bar, kind, color);
            if atom == self.selected {
                let column = Rect::from_center_size(pos2(center, rect.center().y), vec2(slot.max(5.0), rect.height()));
                painter.rect_filled(column, 1.0, theme.text.gamma_multiply(0.14));
                let tip = pos2(center, rect.bottom() - 5.0);
                let points = vec![tip, tip + vec2(4.5, 6.0), tip + vec2(-4.5, 6.0)];
                painter.add(Shape::convex_polygon(points, theme.text, Stroke::NONE));
            }
        }
    }

    /// The picked atom's own spectrum.
    fn paint_shape(&self, ui: &Ui, plot: Rect, theme: &Theme, shared: &EditorShared) {
        let painter = ui.painter();
        let (kind, index) = self.kind_of_selected();
        axes::frequency_axis(painter, plot, theme);
        painter.rect_stroke(plot, 0.0, Stroke::new(1.0, theme.grid), StrokeKind::Inside);
        for (height, text) in [(0.0, "0"), (1.0, "peak")] {
            let y = lerp(plot.bottom()..=plot.top(), height);
            painter.text(
                pos2(plot.left() - 6.0, y),
                Align2::RIGHT_CENTER,
                text,
                label_font(10.5),
                theme.dim,
            );
        }
        if kind == Kind::Adaptive {
            // All other atoms have a shape that stays.
            self.paint_title(painter, plot, theme, "learnt while playing, its shape keeps changing");
            return;
        }
        let mut spectrum = [0.0; DISPLAY_BANDS];
        if kind == Kind::Learnt {
            shared.learner().atom_spectrum(index, &mut spectrum);
        } else {
            shared.atom_spectrum(self.selected, &mut spectrum);
        }
        if spectrum.iter().all(|magnitude| *magnitude == 0.0) {
            // A smaller model has been loaded, and no frame of it has come yet.
            self.paint_title(painter, plot, theme, "its shape comes with the next audio");
            return;
        }
        let points = spectrum.iter().enumerate().map(|(band, magnitude)| {
            let x = lerp(plot.left()..=plot.right(), band as f32 / (DISPLAY_BANDS - 1) as f32);
            pos2(x, lerp(plot.bottom()..=plot.top() + 4.0, magnitude.clamp(0.0, 1.0)))
        });
        axes::curve(
            painter,
            points.collect(),
            plot.bottom(),
            LineStyle::Filled,
            kind.color(theme),
        );
        let peak = (0..DISPLAY_BANDS)
            .max_by(|a, b| spectrum[*a].total_cmp(&spectrum[*b]))
            .unwrap_or(0);
        let strongest = format!("strongest at {}", hz_text(display_band_hz(peak)));
        self.paint_title(painter, plot, theme, &strongest);
    }

    fn paint_title(&self, painter: &Painter, plot: Rect, theme: &Theme, remark: &str) {
        let text = format!("{}: {remark}", self.title());
        painter.text(
            plot.left_top() - vec2(0.0, 5.0),
            Align2::LEFT_BOTTOM,
            text,
            label_font(11.5),
            theme.text,
        );
    }

    /// The picked atom's kind and its number within the kind, from 0.
    fn kind_of_selected(&self) -> (Kind, usize) {
        let mut index = self.selected;
        for kind in Kind::ALL {
            let count = self.counts[kind as usize];
            if index < count {
                return (kind, index);
            }
            index -= count;
        }
        (Kind::Speech, 0)
    }

    /// "speech part 3 of 64".
    fn title(&self) -> String {
        let (kind, index) = self.kind_of_selected();
        format!("{} part {} of {}", kind.name(), index + 1, self.counts[kind as usize])
    }
}

fn atom_at(groups: &[(Kind, Range<usize>, Rect)], pointer: Pos2) -> Option<usize> {
    let (_, atoms, rect) = groups.iter().find(|(_, _, rect)| rect.x_range().contains(pointer.x))?;
    let offset = (pointer.x - rect.left()) / rect.width() * atoms.len() as f32;
    Some(atoms.start + (offset as usize).min(atoms.len() - 1))
}

/// Solid for speech, stripes for noise, an outline for adaptive noise, an outline with a solid half for learnt noise.
fn paint_bar(painter: &Painter, bar: Rect, kind: Kind, color: Color32) {
    match kind {
        Kind::Speech => drop(painter.rect_filled(bar, 0.0, color)),
        Kind::Noise => {
            const STRIPE: f32 = 2.0;
            let mut bottom = bar.bottom();
            while bottom > bar.top() {
                let stripe = Rect::from_min_max(
                    pos2(bar.left(), (bottom - STRIPE).max(bar.top())),
                    pos2(bar.right(), bottom),
                );
                painter.rect_filled(stripe, 0.0, color);
                bottom -= 2.0 * STRIPE;
            }
        }
        Kind::Adaptive | Kind::Learnt => {
            painter.rect(
                bar,
                0.0,
                color.gamma_multiply(0.15),
                Stroke::new(1.2, color),
                StrokeKind::Inside,
            );
            if kind == Kind::Learnt {
                let (_, lower) = bar.split_top_bottom_at_fraction(0.5);
                painter.rect_filled(lower, 0.0, color);
            }
        }
    }
}

#[cfg(test)]
mod tests;
