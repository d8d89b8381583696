//! A panel without a window, and a user's hands.

use std::sync::Arc;
use std::time::Duration;

use egui::{Event, Key, Modifiers, Pos2, Shape, TextureId, ViewportId, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::ParamPtr;
use unfold::editor::{Keyboard, Panel};
use unfold::meters::MeterFrame;
use unfold::model_file;
use unfold::params::UnfoldParams;
use unfold::shared::EditorShared;
use unfold::triple_buffer::{self, Writer};

use super::panel_host::{Call, FakeHost};

/// A panel, its host and its engine's end of the meter channel.
pub struct Bench {
    pub harness: Harness<'static, Panel>,
    pub host: Arc<FakeHost>,
    pub context: GuiContext,
    pub params: Arc<UnfoldParams>,
    pub shared: Arc<EditorShared>,
    pub meters: Writer<MeterFrame>,
}

impl Bench {
    pub fn new() -> Self {
        let params = Arc::new(UnfoldParams::default());
        let (meters, reader) = triple_buffer::channel();
        let shared = Arc::new(EditorShared::new(
            reader,
            triple_buffer::channel().0,
            model_file::shipped(),
        ));
        shared.set_activation(48_000.0, 960);
        let (host, context) = FakeHost::new();
        let panel = Panel::new(params.clone(), shared.clone());
        Self {
            harness: window(panel, context.clone()),
            host,
            context,
            params,
            shared,
            meters,
        }
    }

    /// Closes the window and opens another on the same panel, as the plugin's editor does.
    pub fn reopen(self) -> Self {
        let Self { harness, context, .. } = self;
        let mut panel = harness.into_state();
        panel.release(&context);
        panel.opened();
        Self {
            harness: window(panel, context.clone()),
            context,
            ..self
        }
    }

    pub fn keyboard(&self) -> Keyboard {
        self.harness.state().keyboard(&self.harness.ctx)
    }

    pub fn steps(&mut self) {
        self.harness.run_steps(3);
    }

    pub fn center(&self, name: &str) -> Pos2 {
        self.harness.get_by_label(name).rect().center()
    }

    pub fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.steps();
    }

    pub fn drag(&mut self, name: &str, points: f32, modifiers: Modifiers) {
        let start = self.center(name);
        self.harness.hover_at(start);
        self.harness.drag_at(start);
        for step in 1..=10 {
            self.harness.event_modifiers(
                Event::PointerMoved(start + vec2(points * step as f32 / 10.0, 0.0)),
                modifiers,
            );
        }
        self.harness.step();
    }

    pub fn drop_at(&mut self, name: &str) {
        let end = self.center(name);
        self.harness.drop_at(end);
        self.steps();
    }

    /// Opens the number of a slider, replaces it and presses `key`.
    pub fn type_number(&mut self, name: &str, text: &str, key: Option<Key>) {
        self.click(&format!("Type {name}"));
        self.harness.event(Event::Text(text.to_owned()));
        self.steps();
        if let Some(key) = key {
            self.harness.key_press(key);
        }
        self.steps();
    }

    /// Presses all `keys` within one frame.
    pub fn keys_at_once(&mut self, keys: &[Key]) {
        let events = keys.iter().map(|key| Event::Key {
            key: *key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: Modifiers::NONE,
        });
        self.harness.input_mut().events.extend(events);
        self.harness.step();
    }

    pub fn key(&mut self, key: Key) {
        self.harness.key_press(key);
        self.steps();
    }

    /// Gestures since the last time, each of them well formed; in the order of their ends.
    pub fn gestures(&self) -> Vec<(ParamPtr, f32)> {
        let mut open: Option<(ParamPtr, Option<f32>)> = None;
        let mut done = Vec::new();
        for call in self.host.take_calls() {
            open = match (call, open) {
                (Call::Begin(param), None) => Some((param, None)),
                (Call::Set(param, value), Some((of, _))) if of == param => Some((param, Some(value))),
                (Call::End(param), Some((of, Some(value)))) if of == param => {
                    done.push((param, value));
                    None
                }
                (call, open) => panic!("{call:?} while {open:?}"),
            };
        }
        assert_eq!(open, None, "a gesture never ended");
        done
    }

    /// Whether `text` is painted anywhere.
    pub fn shows(&self, text: &str) -> bool {
        self.shapes()
            .iter()
            .any(|shape| matches!(shape, Shape::Text(shape) if shape.galley.text() == text))
    }

    /// Names of the pictures that are painted; a picture that this window never got is a failure.
    pub fn pictures(&self) -> Vec<String> {
        let textures = self.harness.ctx.tex_manager();
        let name = |id: TextureId| textures.read().meta(id).expect("a picture of this window").name.clone();
        self.shapes()
            .into_iter()
            .map(Shape::texture_id)
            .filter(|id| *id != TextureId::default())
            .map(name)
            .collect()
    }

    /// How long the panel is content with the last frame.
    pub fn repaint_delay(&self) -> Duration {
        self.harness.output().viewport_output[&ViewportId::ROOT].repaint_delay
    }

    /// Everything painted, without nesting.
    fn shapes(&self) -> Vec<&Shape> {
        fn flatten<'a>(shape: &'a Shape, flat: &mut Vec<&'a Shape>) {
            match shape {
                Shape::Vec(shapes) => shapes.iter().for_each(|shape| flatten(shape, flat)),
                shape => flat.push(shape),
            }
        }
        let mut flat = Vec::new();
        for shape in &self.harness.output().shapes {
            flatten(&shape.shape, &mut flat);
        }
        flat
    }

    /// What the audio thread does with a frame.
    pub fn publish(&mut self, frame: &MeterFrame) {
        self.meters.publish(|slot| *slot = *frame);
    }

    pub fn play(&mut self, frame: &MeterFrame) {
        self.publish(frame);
        self.steps();
    }
}

/// A window on `panel` whose clock starts at 0.
fn window(panel: Panel, context: GuiContext) -> Harness<'static, Panel> {
    // The harness keeps a margin of 8 points around the panel.
    Harness::builder()
        .with_size(vec2(776.0, 456.0))
        .with_step_dt(1.0 / 30.0)
        .build_ui_state(move |ui, panel: &mut Panel| panel.ui(ui, &context), panel)
}
