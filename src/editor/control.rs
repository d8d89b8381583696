//! What a control does to its parameter, apart from any drawing: drags, wheel, keys, typed numbers and resets.
//!
//! Every edit reaches the host as one gesture: begin, any number of values, end. [`Control`] never leaves a gesture open
//! except while the pointer drags, and never opens a second one.

use nice_plug::prelude::{Param, ParamSetter};

/// How much slower a fine drag, wheel notch or key is; a notch or key goes one of the parameter's own steps at least.
const FINE: f32 = 0.1;
/// Steps of a page key.
const PAGE_STEPS: f32 = 10.0;

/// Steps as shares of a parameter's range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// One key press or wheel notch.
    pub usual: f32,
    /// The parameter's own step: it cannot move by less.
    pub finest: f32,
}

/// What a control needs of a parameter. Values are normalised, 0..=1.
pub trait Binding {
    /// The current value.
    fn value(&self) -> f32;
    /// The value that a reset returns to.
    fn default_value(&self) -> f32;
    /// The current value as text with its unit.
    fn text(&self) -> String;
    /// How far key presses and wheel notches go.
    fn steps(&self) -> Steps;
    /// Reads a number typed by the user, with or without unit.
    fn parse(&self, text: &str) -> Option<f32>;
    /// Opens a gesture.
    fn begin(&self);
    /// Sets a value inside a gesture.
    fn set(&self, value: f32);
    /// Closes the gesture.
    fn end(&self);

    /// A whole gesture with one value.
    fn apply(&self, value: f32) {
        self.begin();
        self.set(value);
        self.end();
    }
}

/// One whole gesture that sets a parameter to a plain value: buttons, switches and presets.
pub fn apply_plain<P: Param>(param: &P, setter: &ParamSetter<'_>, value: P::Plain) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// A host parameter as a [`Binding`].
pub struct ParamBinding<'a, P: Param> {
    param: &'a P,
    setter: ParamSetter<'a>,
    steps: Steps,
}

impl<'a, P: Param> ParamBinding<'a, P> {
    /// Binds `param`; edits go to the host through `setter`.
    pub fn new(param: &'a P, setter: ParamSetter<'a>, steps: Steps) -> Self {
        Self { param, setter, steps }
    }
}

impl<P: Param> Binding for ParamBinding<'_, P> {
    fn value(&self) -> f32 {
        self.param.unmodulated_normalized_value()
    }

    fn default_value(&self) -> f32 {
        self.param.default_normalized_value()
    }

    fn text(&self) -> String {
        self.param.normalized_value_to_string(self.value(), true)
    }

    fn steps(&self) -> Steps {
        self.steps
    }

    fn parse(&self, text: &str) -> Option<f32> {
        self.param.string_to_normalized_value(text)
    }

    fn begin(&self) {
        self.setter.begin_set_parameter(self.param);
    }

    fn set(&self, value: f32) {
        // By way of the plain value, so that the host hears the snapped value.
        self.setter.set_parameter(self.param, self.param.preview_plain(value));
    }

    fn end(&self) {
        self.setter.end_set_parameter(self.param);
    }
}

/// A key that moves a focused control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// One step down.
    Down,
    /// One step up.
    Up,
    /// Ten steps down.
    PageDown,
    /// Ten steps up.
    PageUp,
    /// To the lowest value.
    Lowest,
    /// To the highest value.
    Highest,
}

/// A number that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// What stands in the field.
    pub text: String,
    /// What stood in it when it was opened.
    pub opening: String,
    /// Whether the last attempt to enter it failed.
    pub refused: bool,
    /// Whether the field is new and must still take the keyboard.
    pub fresh: bool,
}

/// The state of one control between frames.
#[derive(Debug, Default)]
pub struct Control {
    /// Exact position during a drag, finer than the parameter's steps. `Some` means: a gesture is open.
    drag: Option<f32>,
    wheel_notches: f32,
    typing: Option<Typing>,
}

impl Control {
    /// Moves by `delta` of the range. The first real movement opens the gesture, so that a click does not.
    pub fn drag(&mut self, binding: &dyn Binding, delta: f32, fine: bool) {
        if delta == 0.0 || !delta.is_finite() {
            return;
        }
        let from = *self.drag.get_or_insert_with(|| {
            binding.begin();
            binding.value()
        });
        let to = (from + delta * if fine { FINE } else { 1.0 }).clamp(0.0, 1.0);
        self.drag = Some(to);
        binding.set(to);
    }

    /// Ends a drag, if there is one: button released, focus or window lost, panel closed.
    pub fn release(&mut self, binding: &dyn Binding) {
        if self.drag.take().is_some() {
            binding.end();
        }
    }

    /// Returns to the default value.
    pub fn reset(&mut self, binding: &dyn Binding) {
        self.set_once(binding, binding.default_value());
    }

    /// Turns the wheel by `notches`; fractions of a notch wait for the rest.
    pub fn wheel(&mut self, binding: &dyn Binding, notches: f32, fine: bool) {
        self.wheel_notches += notches;
        let whole = self.wheel_notches.trunc();
        if whole != 0.0 {
            self.wheel_notches -= whole;
            let value = binding.value() + whole * step_size(binding, fine);
            self.set_once(binding, value.clamp(0.0, 1.0));
        }
    }

    /// Answers the keys of one frame, in their order and as one edit: a host may apply an edit only after the frame, so
    /// that every key would start from the same old value.
    pub fn press(&mut self, binding: &dyn Binding, keys: &[Move], fine: bool) {
        if keys.is_empty() {
            return;
        }
        let step = step_size(binding, fine);
        let value = keys.iter().fold(binding.value(), |value, key| {
            let moved = match key {
                Move::Down => value - step,
                Move::Up => value + step,
                Move::PageDown => value - PAGE_STEPS * step,
                Move::PageUp => value + PAGE_STEPS * step,
                Move::Lowest => 0.0,
                Move::Highest => 1.0,
            };
            moved.clamp(0.0, 1.0)
        });
        self.set_once(binding, value);
    }

    /// Opens the number for typing.
    pub fn start_typing(&mut self, binding: &dyn Binding) {
        self.release(binding);
        let text = binding.text();
        self.typing = Some(Typing {
            opening: text.clone(),
            text,
            refused: false,
            fresh: true,
        });
    }

    /// The number being typed, if any.
    pub fn typing(&mut self) -> Option<&mut Typing> {
        self.typing.as_mut()
    }

    /// Whether a number is being typed.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Enters the typed number. Text that is no number stays in the field and is marked.
    pub fn commit(&mut self, binding: &dyn Binding) {
        let Some(typing) = &mut self.typing else { return };
        if typing.text.trim() == typing.opening.trim() {
            // An unchanged text is no edit: the parameter may hold more digits than it shows.
            self.typing = None;
            return;
        }
        match binding.parse(&typing.text) {
            Some(value) => {
                self.typing = None;
                if binding.value() != value {
                    self.set_once(binding, value.clamp(0.0, 1.0));
                }
            }
            None => typing.refused = true,
        }
    }

    /// Leaves the field as when it loses the keyboard: a number is entered, anything else forgotten.
    pub fn leave(&mut self, binding: &dyn Binding) {
        self.commit(binding);
        self.typing = None;
    }

    /// Forgets the typed number.
    pub fn cancel(&mut self) {
        self.typing = None;
    }

    /// One whole gesture; an open drag is ended first.
    fn set_once(&mut self, binding: &dyn Binding, value: f32) {
        self.release(binding);
        binding.apply(value);
    }
}

fn step_size(binding: &dyn Binding, fine: bool) -> f32 {
    let Steps { usual, finest } = binding.steps();
    if fine { (usual * FINE).max(finest) } else { usual }
}

#[cfg(test)]
mod tests;
