//! A panel without a window, and a user's hands.

use std::sync::Arc;

use egui::{Event, Key, Modifiers, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::ParamPtr;
use unfold::editor::Panel;
use unfold::meter_channel::{self, MeterWriter};
use unfold::meters::MeterFrame;
use unfold::model_file;
use unfold::params::UnfoldParams;
use unfold::shared::EditorShared;

use super::panel_host::{Call, FakeHost};

/// A panel, its host and its engine's end of the meter channel.
pub struct Bench {
    pub harness: Harness<'static, Panel>,
    pub host: Arc<FakeHost>,
    pub context: GuiContext,
    pub params: Arc<UnfoldParams>,
    pub shared: Arc<EditorShared>,
    pub meters: MeterWriter,
}

impl Bench {
    pub fn new() -> Self {
        let params = Arc::new(UnfoldParams::default());
        let (meters, reader) = meter_channel::channel();
        let shared = Arc::new(EditorShared::new(reader, model_file::shipped()));
        shared.set_activation(48_000.0, 960);
        let (host, context) = FakeHost::new();
        let panel = Panel::new(params.clone(), shared.clone());
        let panel_context = context.clone();
        // The harness keeps a margin of 8 points around the panel.
        let harness = Harness::builder()
            .with_size(vec2(776.0, 456.0))
            .with_step_dt(1.0 / 30.0)
            .build_ui_state(move |ui, panel: &mut Panel| panel.ui(ui, &panel_context), panel);
        Self {
            harness,
            host,
            context,
            params,
            shared,
            meters,
        }
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
        fn find(shape: &egui::Shape, text: &str) -> bool {
            match shape {
                egui::Shape::Text(shape) => shape.galley.text() == text,
                egui::Shape::Vec(shapes) => shapes.iter().any(|shape| find(shape, text)),
                _ => false,
            }
        }
        self.harness
            .output()
            .shapes
            .iter()
            .any(|shape| find(&shape.shape, text))
    }

    pub fn play(&mut self, frame: &MeterFrame) {
        self.meters.publish(frame);
        self.steps();
    }
}
