//! The slider: draws a [`Control`] and feeds it pointer, wheel and keys.

use egui::{
    Align2, CornerRadius, CursorIcon, Event, EventFilter, Id, Key, MouseWheelUnit, Rect, Response, Sense, Stroke,
    StrokeKind, TextEdit, Ui, WidgetInfo, pos2, vec2,
};

use super::control::{Binding, Control, Move};
use super::theme::{Theme, number_font};

/// Points of a pixel-wise wheel that count as one notch.
const POINTS_PER_NOTCH: f32 = 40.0;
const VALUE_HEIGHT: f32 = 20.0;
/// Room around a number, in points.
const VALUE_INSET: f32 = 4.0;

/// Draws the slider into `rect` and applies what the user does. `caption` is shown; `name` is read out.
pub fn slider(ui: &mut Ui, rect: Rect, theme: &Theme, caption: &str, control: &mut Control, binding: &dyn Binding) {
    let top = Rect::from_min_size(rect.min, vec2(rect.width(), VALUE_HEIGHT));
    let track_rect = Rect::from_min_max(pos2(rect.left(), top.bottom() + 2.0), rect.max);
    let caption_pos = pos2(rect.left(), top.center().y);
    let caption_rect = theme.caption(ui.painter(), caption_pos, Align2::LEFT_CENTER, &caption.to_uppercase());
    // The number may use all that the caption leaves, which it needs while it is typed.
    let value_rect = Rect::from_x_y_ranges(caption_rect.right() + 5.0..=rect.right(), top.y_range());

    track(ui, track_rect, theme, caption, control, binding);
    number(ui, value_rect, theme, caption, control, binding);
}

fn track(ui: &Ui, rect: Rect, theme: &Theme, name: &str, control: &mut Control, binding: &dyn Binding) {
    let id = ui.scope_id().with((name, "track"));
    let response = ui
        .interact(rect, id, Sense::click_and_drag())
        .on_hover_cursor(CursorIcon::ResizeHorizontal);
    apply_pointer(ui, &response, control, binding);
    apply_wheel(ui, &response, control, binding);
    apply_keys(ui, &response, control, binding);
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(binding.text()),
        ..WidgetInfo::slider(true, f64::from(binding.value()), name)
    });
    paint_track(ui, &response, theme, binding);
}

/// Whether the window has lost the keyboard in this frame: the release of a held button may never be heard of. A window
/// that takes the keyboard because of a press may lose it and have it again within the frame (X11).
pub fn window_lost(ui: &Ui) -> bool {
    let focus = |event: &Event| match event {
        Event::WindowFocused(focused) => Some(*focused),
        _ => None,
    };
    ui.input(|input| input.events.iter().rev().find_map(focus)) == Some(false)
}

fn apply_pointer(ui: &Ui, response: &Response, control: &mut Control, binding: &dyn Binding) {
    let window_lost = window_lost(ui);
    if window_lost && response.dragged() {
        ui.stop_dragging();
    }
    if !response.dragged() || window_lost {
        control.release(binding);
    } else {
        let fine = ui.input(|input| input.modifiers.shift);
        let delta = response.drag_delta();
        control.drag(binding, (delta.x - delta.y) / response.rect.width(), fine);
    }
    if response.clicked() || response.drag_started() {
        response.request_focus();
    }
    let reset_click = response.clicked_by(egui::PointerButton::Primary)
        && ui.input(|input| input.modifiers.ctrl || input.modifiers.command);
    if response.double_clicked() || reset_click {
        control.reset(binding);
    }
}

fn apply_wheel(ui: &Ui, response: &Response, control: &mut Control, binding: &dyn Binding) {
    if !response.hovered() {
        return;
    }
    let (notches, fine) = ui.input(|input| {
        let notches = input.events.iter().map(|event| match event {
            // Shift turns the wheel sideways on some systems: both axes count.
            Event::MouseWheel {
                unit: MouseWheelUnit::Point,
                delta,
                ..
            } => (delta.x + delta.y) / POINTS_PER_NOTCH,
            Event::MouseWheel { delta, .. } => delta.x + delta.y,
            _ => 0.0,
        });
        (notches.sum::<f32>(), input.modifiers.shift)
    });
    if notches != 0.0 {
        control.wheel(binding, notches, fine);
    }
}

fn apply_keys(ui: &Ui, response: &Response, control: &mut Control, binding: &dyn Binding) {
    if !response.has_focus() {
        return;
    }
    let filter = EventFilter {
        horizontal_arrows: true,
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let (moves, fine) = ui.input(|input| {
        let moves: Vec<Move> = input.events.iter().filter_map(key_move).collect();
        (moves, input.modifiers.shift)
    });
    control.press(binding, &moves, fine);
    if ui.input(|input| input.key_pressed(Key::Enter)) {
        control.start_typing(binding);
    }
}

fn key_move(event: &Event) -> Option<Move> {
    let Event::Key { key, pressed: true, .. } = event else {
        return None;
    };
    match key {
        Key::ArrowLeft | Key::ArrowDown => Some(Move::Down),
        Key::ArrowRight | Key::ArrowUp => Some(Move::Up),
        Key::PageDown => Some(Move::PageDown),
        Key::PageUp => Some(Move::PageUp),
        Key::Home => Some(Move::Lowest),
        Key::End => Some(Move::Highest),
        _ => None,
    }
}

fn paint_track(ui: &Ui, response: &Response, theme: &Theme, binding: &dyn Binding) {
    const HANDLE_HALF_WIDTH: f32 = 5.0;
    let rect = response.rect;
    let painter = ui.painter();
    let rail = Rect::from_center_size(rect.center(), vec2(rect.width(), 6.0));
    let inner = rail.x_range().shrink(HANDLE_HALF_WIDTH);
    let x_of = |value: f32| egui::lerp(inner.min..=inner.max, value);
    let x = x_of(binding.value());

    painter.rect(
        rail,
        3.0,
        theme.well,
        Stroke::new(1.0, theme.outline),
        StrokeKind::Inside,
    );
    let filled = Rect::from_min_max(rail.min, pos2(x, rail.bottom()));
    painter.rect_filled(filled, 3.0, theme.accent);
    let default_x = x_of(binding.default_value());
    painter.vline(
        default_x,
        rail.bottom() + 4.0..=rail.bottom() + 8.0,
        Stroke::new(1.5, theme.dim),
    );

    let handle = Rect::from_center_size(pos2(x, rail.center().y), vec2(2.0 * HANDLE_HALF_WIDTH, 18.0));
    let edge = if response.hovered() || response.dragged() {
        theme.accent
    } else {
        theme.outline
    };
    painter.rect(handle, 3.0, theme.text, Stroke::new(1.0, edge), StrokeKind::Outside);
    painter.vline(x, handle.y_range().shrink(5.0), Stroke::new(1.0, theme.background));
    if response.has_focus() {
        theme.focus_ring(painter, rect.shrink2(vec2(0.0, 3.0)));
    }
}

fn number(ui: &mut Ui, rect: Rect, theme: &Theme, name: &str, control: &mut Control, binding: &dyn Binding) {
    if control.is_typing() {
        number_field(ui, rect, theme, name, control, binding);
        return;
    }
    let galley = ui
        .painter()
        .layout_no_wrap(binding.text(), number_font(12.0), theme.text);
    let rect = Align2::RIGHT_CENTER.anchor_size(
        rect.right_center(),
        vec2(galley.size().x + 2.0 * VALUE_INSET, rect.height()),
    );
    let id = ui.scope_id().with((name, "number"));
    let response = ui.interact(rect, id, Sense::click()).on_hover_cursor(CursorIcon::Text);
    if response.hovered() || response.has_focus() {
        theme.frame(ui.painter(), rect, theme.button);
    }
    if response.has_focus() {
        theme.focus_ring(ui.painter(), rect);
    }
    let pos = Align2::RIGHT_CENTER
        .anchor_size(rect.right_center() - vec2(VALUE_INSET, 0.0), galley.size())
        .min;
    ui.painter().galley(pos, galley, theme.text);
    if response.clicked() {
        control.start_typing(binding);
    }
    response.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Type {name}")));
}

fn number_field(ui: &mut Ui, rect: Rect, theme: &Theme, name: &str, control: &mut Control, binding: &dyn Binding) {
    let Some(typing) = control.typing() else { return };
    let id = ui.scope_id().with((name, "typing"));
    let edge = if typing.refused { theme.warning } else { theme.accent };
    ui.painter().rect(
        rect,
        CornerRadius::same(3),
        theme.well,
        Stroke::new(1.5, edge),
        StrokeKind::Outside,
    );
    let field = TextEdit::singleline(&mut typing.text)
        .id(id)
        .font(number_font(12.0))
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::symmetric(4, 2))
        .align(Align2::RIGHT_CENTER)
        .desired_width(rect.width());
    let response = ui.put(rect, field).accessible_name(format!("{name} value"));
    if std::mem::take(&mut typing.fresh) {
        response.request_focus();
        select_all(ui, id, typing.text.chars().count());
        return;
    }
    if response.changed() {
        typing.refused = false;
    }
    if response.lost_focus() {
        let (enter, escape) = ui.input(|input| (input.key_pressed(Key::Enter), input.key_pressed(Key::Escape)));
        if escape {
            control.cancel();
        } else if enter {
            control.commit(binding);
            if control.is_typing() {
                response.request_focus();
            }
        } else {
            control.leave(binding);
        }
    }
}

fn select_all(ui: &Ui, id: Id, chars: usize) {
    use egui::text::{CCursor, CCursorRange};
    let mut state = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
    state
        .cursor
        .set_char_range(Some(CCursorRange::two(CCursor::new(0), CCursor::new(chars))));
    TextEdit::store_state(ui.ctx(), id, state);
}
