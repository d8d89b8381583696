//! Push buttons, switches and rows of choices.

use egui::accesskit::Role;
use egui::{Align2, CursorIcon, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::theme::{Theme, label_font};

/// Draws one button into `rect`. `name` is read out and found by tests; `text` is shown. `selected` is `None` for a
/// plain push button.
pub fn button(ui: &Ui, rect: Rect, theme: &Theme, text: &str, name: &str, selected: Option<bool>) -> Response {
    let on = selected == Some(true);
    let response = ui
        .interact(rect, ui.scope_id().with(name), Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    paint(ui, &response, rect, theme, text, on);
    response.widget_info(|| match selected {
        None => WidgetInfo::labeled(Role::Button, true, name),
        Some(selected) => WidgetInfo::selected(Role::RadioButton, true, selected, name),
    });
    response
}

/// What a button looks like.
pub fn paint(ui: &Ui, response: &Response, rect: Rect, theme: &Theme, text: &str, on: bool) {
    let (fill, ink) = match (on, response.hovered()) {
        (true, _) => (theme.accent, theme.on_accent),
        (false, true) => (theme.outline, theme.text),
        (false, false) => (theme.button, theme.text),
    };
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, fill);
    painter.text(rect.center(), Align2::CENTER_CENTER, text, label_font(12.0), ink);
    if on {
        // The bar tells the chosen button from the others without colour.
        let bar = rect.x_range().shrink(rect.width() * 0.3);
        painter.hline(bar, rect.bottom() - 3.0, Stroke::new(1.5, ink));
    }
    if response.has_focus() {
        theme.focus_ring(painter, rect);
    }
}

/// Draws a row of choices into `rect`, each as wide as its share of `weights`; returns the index of the one clicked.
pub fn choices(ui: &Ui, rect: Rect, theme: &Theme, choices: &[Choice<'_>], chosen: Option<usize>) -> Option<usize> {
    ui.painter().rect(
        rect,
        5.0,
        theme.well,
        Stroke::new(1.0, theme.outline),
        StrokeKind::Outside,
    );
    let total: f32 = choices.iter().map(|choice| choice.weight).sum();
    let mut left = rect.left();
    let mut clicked = None;
    for (index, choice) in choices.iter().enumerate() {
        let right = left + rect.width() * choice.weight / total;
        let cell = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom())).shrink(1.0);
        if button(ui, cell, theme, choice.text, choice.name, Some(chosen == Some(index))).clicked() {
            clicked = Some(index);
        }
        left = right;
    }
    clicked
}

/// One of several [`choices`].
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What is shown.
    pub text: &'a str,
    /// What is read out.
    pub name: &'a str,
    /// Relative width.
    pub weight: f32,
}

impl<'a> Choice<'a> {
    /// A choice that is shown and read out alike.
    #[must_use]
    pub const fn new(text: &'a str, weight: f32) -> Self {
        Self {
            text,
            name: text,
            weight,
        }
    }
}

/// Draws an on/off switch into `rect`; true when it was clicked.
pub fn switch(ui: &Ui, rect: Rect, theme: &Theme, name: &str, on: bool) -> bool {
    let response = ui
        .interact(rect, ui.scope_id().with(name), Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    let (fill, ink) = if on {
        (theme.accent, theme.on_accent)
    } else {
        (theme.button, theme.text)
    };
    let painter = ui.painter();
    let edge = if response.hovered() { theme.text } else { theme.outline };
    painter.rect(rect, 4.0, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    let dot = pos2(rect.left() + 12.0, rect.center().y);
    if on {
        painter.circle_filled(dot, 4.0, ink);
    } else {
        painter.circle_stroke(dot, 4.0, Stroke::new(1.5, ink));
    }
    let text_pos = pos2((dot.x + 6.0 + rect.right()) / 2.0, rect.center().y);
    painter.text(
        text_pos,
        Align2::CENTER_CENTER,
        if on { "On" } else { "Off" },
        label_font(12.0),
        ink,
    );
    if response.has_focus() {
        theme.focus_ring(painter, rect);
    }
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, name));
    response.clicked()
}
