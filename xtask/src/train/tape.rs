//! What the backward pass needs of a forward pass over a sequence: the engine's buffers, copied at each layer.

use unfold::nmf::{State, Tape};

/// Copies of one layer's buffers; shapes as in [`State`].
#[derive(Default)]
pub struct LayerRecord {
    pub activation: Vec<f32>,
    pub adaptive_activation: Vec<f32>,
    pub modelled: Vec<f32>,
    pub ratio: Vec<f32>,
    pub log_update: Vec<f32>,
    pub adaptive_log_update: Vec<f32>,
    pub user_activation: Vec<f32>,
    pub user_log_update: Vec<f32>,
}

/// One frame: its layers and what came out.
#[derive(Default)]
pub struct FrameRecord {
    pub layers: Vec<LayerRecord>,
    pub floor: Vec<f32>,
    pub activation: Vec<f32>,
    pub adaptive_activation: Vec<f32>,
    pub user_activation: Vec<f32>,
    pub speech: Vec<f32>,
    pub noise: Vec<f32>,
    pub mask: Vec<f32>,
}

/// A whole sequence. Buffers are reused from sequence to sequence.
#[derive(Default)]
pub struct Record {
    pub frames: Vec<FrameRecord>,
    pub used: usize,
}

impl Record {
    /// Starts over, keeping the memory.
    pub fn rewind(&mut self) {
        self.used = 0;
    }

    fn current(&mut self) -> &mut FrameRecord {
        if self.frames.len() == self.used {
            self.frames.push(FrameRecord::default());
        }
        &mut self.frames[self.used]
    }
}

fn keep(target: &mut Vec<f32>, source: &[f32]) {
    target.clear();
    target.extend_from_slice(source);
}

impl Tape for Record {
    fn layer(&mut self, k: usize, state: &State) {
        let layers = &mut self.current().layers;
        if layers.len() == k {
            layers.push(LayerRecord::default());
        }
        let record = &mut layers[k];
        keep(&mut record.activation, &state.activation);
        keep(&mut record.adaptive_activation, &state.adaptive_activation);
        keep(&mut record.modelled, &state.modelled);
        keep(&mut record.ratio, &state.ratio);
        keep(&mut record.log_update, &state.log_update);
        keep(&mut record.adaptive_log_update, &state.adaptive_log_update);
        keep(&mut record.user_activation, &state.user.activation);
        keep(&mut record.user_log_update, &state.user.log_update);
    }

    fn readout(&mut self, state: &State) {
        let record = self.current();
        keep(&mut record.floor, &state.floor);
        keep(&mut record.activation, &state.activation);
        keep(&mut record.adaptive_activation, &state.adaptive_activation);
        keep(&mut record.user_activation, &state.user.activation);
        keep(&mut record.speech, &state.speech);
        keep(&mut record.noise, &state.noise);
        keep(&mut record.mask, &state.mask);
        self.used += 1;
    }
}
