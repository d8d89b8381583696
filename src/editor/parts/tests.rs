//! Picking parts, and naming the one that is picked.

use super::*;
use crate::{model_file, triple_buffer};

fn view(counts: [u32; 3]) -> PartsView {
    let [speech_atoms, noise_atoms, adaptive_atoms] = counts;
    let mut view = PartsView::default();
    view.update(&MeterFrame {
        speech_atoms,
        noise_atoms,
        adaptive_atoms,
        ..MeterFrame::default()
    });
    view
}

#[test]
fn every_atom_can_be_picked_where_it_is_drawn() {
    let view = view([30, 20, 5]);
    let rect = Rect::from_min_size(pos2(10.0, 10.0), vec2(500.0, 100.0));
    let groups = view.groups(rect);
    let mut found = Vec::new();
    for (_, atoms, rect) in &groups {
        for index in 0..atoms.len() {
            let x = rect.left() + rect.width() * (index as f32 + 0.5) / atoms.len() as f32;
            found.extend(atom_at(&groups, pos2(x, 50.0)));
        }
    }
    assert_eq!(found, (0..55).collect::<Vec<_>>());
    assert!((groups[2].2.right() - rect.right()).abs() < 0.01);
}

#[test]
fn titles_count_within_the_kind() {
    let mut view = view([30, 20, 5]);
    view.selected = 50;
    assert_eq!(view.title(), "adaptive noise part 1 of 5");
    view.selected = 29;
    assert_eq!(view.title(), "speech part 30 of 30");
}

#[test]
fn more_atoms_than_a_frame_holds_are_left_out() {
    let mut view = view([250, 20, 20]);
    assert_eq!(view.counts, [250, 6, 0, 0]);
    view.selected = 255;
    view.update(&MeterFrame {
        speech_atoms: 4,
        ..MeterFrame::default()
    });
    assert_eq!(view.selected, 3);
}

#[test]
fn a_part_that_the_model_in_use_lacks_has_no_shape() {
    // A smaller model was loaded, and no frame of it has come yet.
    let mut view = view([MAX_ATOMS as u32, 0, 0]);
    let (_, reader) = triple_buffer::channel();
    let shared = EditorShared::new(reader, triple_buffer::channel().0, model_file::shipped());
    let mut painted = |selected: usize| {
        view.selected = selected;
        let context = egui::Context::default();
        let mut output = context.run_ui(egui::RawInput::default(), |ui| {
            let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(600.0, 300.0));
            view.show(ui, rect, &Theme::DARK, &shared);
        });
        // Nothing draws this.
        output.textures_delta.clear();
        let texts = output.shapes.iter().filter_map(|shape| match &shape.shape {
            Shape::Text(text) => Some(text.galley.text().to_owned()),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    let last = MAX_ATOMS - 1;
    let waiting = "speech part 256 of 256: its shape comes with the next audio";
    assert!(painted(last).iter().any(|text| text == waiting));
    assert!(painted(0).iter().any(|text| text.contains("strongest at")));
}
