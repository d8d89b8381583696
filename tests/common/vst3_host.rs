//! A small VST3 host in this process: one plugin instance, driven through the same COM interfaces as in a DAW.
// The `vst3` crate's interfaces are raw COM: every call is unsafe. The pointers handed over here are to live locals.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::ptr;

use vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirections_, IAudioProcessor, IAudioProcessorTrait, IComponent,
    IComponentHandler, IComponentHandlerTrait, IComponentTrait, IEditController, IEditControllerTrait,
    IParamValueQueue, IParamValueQueueTrait, IParameterChanges, IParameterChangesTrait, MediaTypes_, ParamID,
    ParamValue, ParameterInfo, ProcessData, ProcessModes_, ProcessSetup, SpeakerArr, SymbolicSampleSizes_,
};
use vst3::Steinberg::{
    FUnknown, IBStream, IBStream_::IStreamSeekMode_, IBStreamTrait, IPluginBaseTrait, IPluginFactory, IPluginFactory2,
    IPluginFactory2Trait, IPluginFactoryTrait, int32, int64, kInvalidArgument, kResultFalse, kResultOk, tresult,
    uint32,
};
use vst3::{Class, ComPtr, ComWrapper, Interface};

/// Class id of the plugin as a host stores it in a session.
pub const CLASS_ID: &[u8; 16] = b"UnfoldDenoiser01";

/// A point of automation: parameter id, sample offset in the block, normalised value.
pub type Point = (ParamID, i32, f64);

/// A loaded and initialised plugin instance.
pub struct Plugin {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
    _handler: ComPtr<IComponentHandler>,
}

/// What the factory says about its classes.
pub struct ClassInfo {
    pub id: [u8; 16],
    pub name: String,
    pub sub_categories: String,
}

fn factory() -> ComPtr<IPluginFactory> {
    unsafe { ComPtr::from_raw(unfold::GetPluginFactory().cast::<IPluginFactory>()) }.expect("a factory")
}

fn ascii(chars: &[c_char]) -> String {
    chars
        .iter()
        .take_while(|&&char| char != 0)
        .map(|&char| char::from(char as u8))
        .collect()
}

fn utf16(chars: &[u16]) -> String {
    let length = chars.iter().position(|&char| char == 0).unwrap_or(chars.len());
    String::from_utf16(&chars[..length]).expect("a text in UTF-16")
}

pub fn classes() -> Vec<ClassInfo> {
    let factory = factory().cast::<IPluginFactory2>().expect("a version 2 factory");
    (0..unsafe { factory.countClasses() })
        .map(|index| unsafe {
            let mut info = std::mem::zeroed();
            assert_eq!(factory.getClassInfo2(index, &mut info), kResultOk);
            ClassInfo {
                id: info.cid.map(|byte| byte as u8),
                name: ascii(&info.name),
                sub_categories: ascii(&info.subCategories),
            }
        })
        .collect()
}

impl Plugin {
    pub fn load() -> Self {
        let handler = ComWrapper::new(Handler)
            .to_com_ptr::<IComponentHandler>()
            .expect("a component handler");
        unsafe {
            let mut object: *mut c_void = ptr::null_mut();
            let result =
                factory().createInstance(CLASS_ID.as_ptr().cast(), IComponent::IID.as_ptr().cast(), &mut object);
            assert_eq!(result, kResultOk, "the class id is known");
            let component = ComPtr::from_raw(object.cast::<IComponent>()).expect("a component");
            assert_eq!(component.initialize(ptr::null_mut::<FUnknown>()), kResultOk);
            let processor = component.cast::<IAudioProcessor>().expect("an audio processor");
            let controller = component.cast::<IEditController>().expect("an edit controller");
            assert_eq!(controller.setComponentHandler(handler.as_ptr()), kResultOk);
            Self {
                component,
                processor,
                controller,
                _handler: handler,
            }
        }
    }

    /// Negotiates one layout for both directions; `false` when the plugin refuses.
    pub fn set_channels(&mut self, channel_count: usize) -> bool {
        let mut arrangement = match channel_count {
            1 => SpeakerArr::kMono,
            2 => SpeakerArr::kStereo,
            6 => SpeakerArr::k51,
            other => panic!("no speaker arrangement for {other} channels here"),
        };
        let mut same = arrangement;
        unsafe { self.processor.setBusArrangements(&mut arrangement, 1, &mut same, 1) == kResultOk }
    }

    pub fn activate(&mut self, sample_rate_hz: f64, max_block_samples: i32) {
        let mut setup = ProcessSetup {
            // Offline, so that no load of this machine changes what is played.
            processMode: ProcessModes_::kOffline as i32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            maxSamplesPerBlock: max_block_samples,
            sampleRate: sample_rate_hz,
        };
        unsafe {
            assert_eq!(self.processor.setupProcessing(&mut setup), kResultOk);
            for direction in [BusDirections_::kInput, BusDirections_::kOutput] {
                let result = self
                    .component
                    .activateBus(MediaTypes_::kAudio as i32, direction as i32, 0, 1);
                assert_eq!(result, kResultOk);
            }
            assert_eq!(self.component.setActive(1), kResultOk);
            assert_eq!(self.processor.setProcessing(1), kResultOk);
        }
    }

    pub fn deactivate(&mut self) {
        unsafe {
            self.processor.setProcessing(0);
            assert_eq!(self.component.setActive(0), kResultOk);
        }
    }

    pub fn latency_samples(&self) -> usize {
        unsafe { self.processor.getLatencySamples() as usize }
    }

    pub fn tail_samples(&self) -> usize {
        unsafe { self.processor.getTailSamples() as usize }
    }

    /// Parameters as (id, title, number of steps, default normalised value).
    pub fn params(&self) -> Vec<(ParamID, String, i32, f64)> {
        (0..unsafe { self.controller.getParameterCount() })
            .map(|index| unsafe {
                let mut info: ParameterInfo = std::mem::zeroed();
                assert_eq!(self.controller.getParameterInfo(index, &mut info), kResultOk);
                (info.id, utf16(&info.title), info.stepCount, info.defaultNormalizedValue)
            })
            .collect()
    }

    pub fn param_id(&self, title: &str) -> ParamID {
        let params = self.params();
        params
            .iter()
            .find(|param| param.1 == title)
            .unwrap_or_else(|| panic!("no parameter named {title}"))
            .0
    }

    pub fn value(&self, title: &str) -> f64 {
        unsafe { self.controller.getParamNormalized(self.param_id(title)) }
    }

    pub fn text_of(&self, title: &str, normalised: f64) -> String {
        let mut text = [0; 128];
        let result = unsafe {
            self.controller
                .getParamStringByValue(self.param_id(title), normalised, &mut text)
        };
        assert_eq!(result, kResultOk);
        utf16(&text)
    }

    pub fn parse(&self, title: &str, text: &str) -> Option<f64> {
        let mut text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut value = 0.0;
        let id = self.param_id(title);
        let result = unsafe {
            self.controller
                .getParamValueByString(id, text.as_mut_ptr().cast(), &mut value)
        };
        (result == kResultOk).then_some(value)
    }

    pub fn save(&self) -> Vec<u8> {
        let stream = ComWrapper::new(Stream::default());
        let pointer = stream.to_com_ptr::<IBStream>().expect("a stream");
        assert_eq!(unsafe { self.component.getState(pointer.as_ptr()) }, kResultOk);
        stream.content.borrow().0.clone()
    }

    pub fn load_state(&mut self, bytes: &[u8]) -> bool {
        let stream = ComWrapper::new(Stream {
            content: RefCell::new((bytes.to_vec(), 0)),
        });
        let pointer = stream.to_com_ptr::<IBStream>().expect("a stream");
        unsafe { self.component.setState(pointer.as_ptr()) == kResultOk }
    }

    /// One block in place of `channels`; separate input buffers, as most hosts do it.
    pub fn process_block(&mut self, channels: &mut [&mut [f32]], points: &[Point]) {
        let samples = channels.first().map_or(0, |channel| channel.len());
        let mut input: Vec<Vec<f32>> = channels.iter().map(|channel| channel.to_vec()).collect();
        let mut input_pointers: Vec<*mut f32> = input.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        let mut output_pointers: Vec<*mut f32> = channels.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        let mut input_bus = bus(&mut input_pointers);
        let mut output_bus = bus(&mut output_pointers);
        let changes = ComWrapper::new(Changes::new(points))
            .to_com_ptr::<IParameterChanges>()
            .expect("changes");
        let mut data = ProcessData {
            processMode: ProcessModes_::kOffline as i32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            numSamples: samples as i32,
            numInputs: i32::from(samples > 0),
            numOutputs: i32::from(samples > 0),
            inputs: &mut input_bus,
            outputs: &mut output_bus,
            inputParameterChanges: changes.as_ptr(),
            outputParameterChanges: ptr::null_mut(),
            inputEvents: ptr::null_mut(),
            outputEvents: ptr::null_mut(),
            processContext: ptr::null_mut(),
        };
        assert_eq!(unsafe { self.processor.process(&mut data) }, kResultOk);
    }

    /// Sends parameter changes in a block without audio, as hosts do while the transport rests.
    pub fn flush(&mut self, points: &[Point]) {
        self.process_block(&mut [], points);
    }

    /// A whole signal in blocks of the given lengths (cycled); point offsets are into the whole signal.
    pub fn process(&mut self, input: &[Vec<f32>], block_lengths: &[usize], points: &[Point]) -> Vec<Vec<f32>> {
        let mut output = input.to_vec();
        let total = input[0].len();
        let mut lengths = block_lengths.iter().cycle();
        let mut start = 0;
        while start < total {
            let end = (start + lengths.next().expect("at least one block length")).min(total);
            let in_block: Vec<Point> = points
                .iter()
                .filter(|point| (start..end).contains(&(point.1 as usize)))
                .map(|&(id, offset, value)| (id, offset - start as i32, value))
                .collect();
            let mut block: Vec<&mut [f32]> = output.iter_mut().map(|channel| &mut channel[start..end]).collect();
            self.process_block(&mut block, &in_block);
            start = end;
        }
        output
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        unsafe { self.component.terminate() };
    }
}

fn bus(pointers: &mut [*mut f32]) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: pointers.len() as i32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 {
            channelBuffers32: pointers.as_mut_ptr(),
        },
    }
}

/// The host's ear for edits and restarts; these tests make neither.
struct Handler;

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _id: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn performEdit(&self, _id: ParamID, _value: ParamValue) -> tresult {
        kResultOk
    }
    unsafe fn endEdit(&self, _id: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn restartComponent(&self, _flags: int32) -> tresult {
        kResultOk
    }
}

/// Automation of one block: one queue per point is allowed and keeps this short.
struct Changes {
    queues: Vec<ComPtr<IParamValueQueue>>,
}

impl Changes {
    fn new(points: &[Point]) -> Self {
        let queue = |&point| {
            ComWrapper::new(Queue { point })
                .to_com_ptr::<IParamValueQueue>()
                .expect("a queue")
        };
        Self {
            queues: points.iter().map(queue).collect(),
        }
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.queues.len() as int32
    }
    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        self.queues
            .get(index as usize)
            .map_or(ptr::null_mut(), |queue| queue.as_ptr())
    }
    unsafe fn addParameterData(&self, _id: *const ParamID, _index: *mut int32) -> *mut IParamValueQueue {
        ptr::null_mut()
    }
}

struct Queue {
    point: Point,
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.point.0
    }
    unsafe fn getPointCount(&self) -> int32 {
        1
    }
    unsafe fn getPoint(&self, index: int32, offset: *mut int32, value: *mut ParamValue) -> tresult {
        if index != 0 {
            return kInvalidArgument;
        }
        unsafe {
            *offset = self.point.1;
            *value = self.point.2;
        }
        kResultOk
    }
    unsafe fn addPoint(&self, _offset: int32, _value: ParamValue, _index: *mut int32) -> tresult {
        kResultFalse
    }
}

/// Bytes with a position.
#[derive(Default)]
struct Stream {
    content: RefCell<(Vec<u8>, usize)>,
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, buffer: *mut c_void, length: int32, read: *mut int32) -> tresult {
        let (bytes, position) = &mut *self.content.borrow_mut();
        let count = (length as usize).min(bytes.len() - *position);
        unsafe { ptr::copy_nonoverlapping(bytes[*position..].as_ptr(), buffer.cast(), count) };
        *position += count;
        if !read.is_null() {
            unsafe { *read = count as int32 };
        }
        kResultOk
    }
    unsafe fn write(&self, buffer: *mut c_void, length: int32, written: *mut int32) -> tresult {
        let (bytes, position) = &mut *self.content.borrow_mut();
        bytes.truncate(*position);
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(buffer.cast(), length as usize) });
        *position = bytes.len();
        if !written.is_null() {
            unsafe { *written = length };
        }
        kResultOk
    }
    unsafe fn seek(&self, offset: int64, mode: int32, result: *mut int64) -> tresult {
        let (bytes, position) = &mut *self.content.borrow_mut();
        let from = match mode as uint32 {
            mode if mode == IStreamSeekMode_::kIBSeekSet as uint32 => 0,
            mode if mode == IStreamSeekMode_::kIBSeekCur as uint32 => *position as int64,
            _ => bytes.len() as int64,
        };
        *position = (from + offset).clamp(0, bytes.len() as int64) as usize;
        if !result.is_null() {
            unsafe { *result = *position as int64 };
        }
        kResultOk
    }
    unsafe fn tell(&self, result: *mut int64) -> tresult {
        unsafe { *result = self.content.borrow().1 as int64 };
        kResultOk
    }
}
