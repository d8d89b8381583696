//! Promise: the panel lives in a host's window: it draws there, follows the audio, comes and goes without a trace, and
//! where it cannot be opened it says so in a sentence while audio goes on.
//!
//! Needs an X server; `cargo xtask test` brings one (xvfb-run). Without one these tests print why they are skipped.

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::clap_host::{Plugin, Processor};
use common::memory::assert_flat;
use common::signal::busy;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, CreateWindowAux, ImageFormat, WindowClass};
use x11rb::rust_connection::RustConnection;

const SIZE: (u16, u16) = (760, 440);
const SAMPLE_RATE_HZ: f64 = 48_000.0;
const HOP: usize = 480;
/// Environment variable that makes one of these tests the child of another.
const CHILD: &str = "UNFOLD_WINDOW_TEST_CHILD";

/// A host's side of the screen: one connection, any number of parent windows.
struct Screen {
    connection: RustConnection,
    root: u32,
}

impl Screen {
    /// `None`, with the reason printed, where there is no X server.
    fn open() -> Option<Self> {
        match x11rb::connect(None) {
            Ok((connection, screen)) => {
                let root = connection.setup().roots[screen].root;
                Some(Self { connection, root })
            }
            Err(reason) => {
                println!("skipped: there is no X server here ({reason})");
                None
            }
        }
    }

    fn parent(&self, x: i16) -> u32 {
        let window = self.connection.generate_id().expect("an id");
        let attributes = CreateWindowAux::new().background_pixel(0);
        self.connection
            .create_window(
                x11rb::COPY_DEPTH_FROM_PARENT,
                window,
                self.root,
                x,
                0,
                SIZE.0,
                SIZE.1,
                0,
                WindowClass::INPUT_OUTPUT,
                x11rb::COPY_FROM_PARENT,
                &attributes,
            )
            .expect("a window");
        self.connection.map_window(window).expect("it is mapped");
        self.connection.sync();
        window
    }

    fn destroy(&self, window: u32) {
        self.connection.destroy_window(window).expect("it goes");
        self.connection.sync();
    }

    /// What a window and all in it show: blue, green and red of every pixel, and a filler.
    fn picture(&self, window: u32) -> Vec<u8> {
        let image = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, window, 0, 0, SIZE.0, SIZE.1, !0)
            .expect("the request is sent")
            .reply()
            .expect("the window is on the screen");
        assert!(image.depth >= 24, "a screen of {} bits", image.depth);
        image.data
    }
}

trait Settle {
    fn sync(&self);
}

impl Settle for RustConnection {
    /// Waits until the server has done all that was asked.
    fn sync(&self) {
        self.get_input_focus()
            .expect("sent")
            .reply()
            .expect("the server answers");
    }
}

fn colours(picture: &[u8]) -> usize {
    let pixels: std::collections::HashSet<&[u8]> = picture.chunks_exact(4).map(|pixel| &pixel[..3]).collect();
    pixels.len()
}

/// Runs the host's main loop until `done`, for at most some seconds; whether it was.
fn wait(plugin: &mut Plugin, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        plugin.run_callbacks();
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Plays audio a little at a time.
fn play(processor: &mut Processor, hops: usize) {
    let input = vec![busy(1, hops * HOP, SAMPLE_RATE_HZ), busy(2, hops * HOP, SAMPLE_RATE_HZ)];
    processor.process(&input, &[HOP], &[]);
}

/// A portable pixmap, which image viewers open.
fn write_picture(name: &str, picture: &[u8]) {
    let mut file = format!("P6 {} {} 255\n", SIZE.0, SIZE.1).into_bytes();
    file.extend(picture.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]));
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, file).expect("the picture is written");
    println!("picture: {}", path.display());
}

/// One after the other: they share the screen.
#[test]
fn the_panel_lives_in_a_hosts_window() {
    let Some(screen) = Screen::open() else { return };
    draws_and_follows_the_audio(&screen);
    drop(screen);
    // With one heap for all threads, what is free can be told from what is lost.
    println!("{}", run_child("child_opens_and_closes", "MALLOC_ARENA_MAX", "1"));
    no_opengl_is_told_in_a_sentence();
}

fn draws_and_follows_the_audio(screen: &Screen) {
    let parent = screen.parent(0);
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, 512);
    let size = plugin.open_panel(parent).expect("the panel opens");
    assert_eq!((size.width, size.height), (u32::from(SIZE.0), u32::from(SIZE.1)));
    assert!(
        wait(&mut plugin, || colours(&screen.picture(parent)) > 50),
        "the panel draws nothing"
    );
    let idle = screen.picture(parent);

    // Nobody touches the panel: what changes was sent by the audio thread.
    let moved = wait(&mut plugin, || {
        play(&mut processor, 4);
        let now = screen.picture(parent);
        let changed = now
            .chunks_exact(4)
            .zip(idle.chunks_exact(4))
            .filter(|(a, b)| a[..3] != b[..3]);
        changed.count() > 5_000
    });
    assert!(moved, "the panel does not follow the audio");
    write_picture("panel_in_host.ppm", &screen.picture(parent));

    plugin.hide_panel();
    play(&mut processor, 4);
    plugin.close_panel();
    play(&mut processor, 4);
    plugin.deactivate(processor);
    screen.destroy(parent);
}

/// Two panels, a hundred times each: half of them to warm up, the others measured.
///
/// The window library (baseview 0.4.2) never frees the keyboard map that it makes for a window: 54 KiB each, found with
/// heaptrack. A lost panel, frame buffer or OpenGL context would be many times that.
#[test]
fn child_opens_and_closes() {
    const TIMES: usize = 50;
    const ALLOWED_KIB_PER_PANEL: u64 = 160;
    // Three quarters of the measured rounds, two panels in each.
    const ALLOWED_KIB: u64 = ALLOWED_KIB_PER_PANEL * 2 * TIMES as u64 * 3 / 4;
    if !is_child() {
        return;
    }
    let screen = Screen::open().expect("the parent test has found one");
    let parents = [screen.parent(0), screen.parent(20)];
    let mut plugins = [Plugin::load(), Plugin::load()];
    assert_flat("two panels opened and closed", TIMES, ALLOWED_KIB, || {
        for (plugin, parent) in plugins.iter_mut().zip(parents) {
            plugin.open_panel(parent).expect("the panel opens");
        }
        plugins.iter_mut().for_each(Plugin::run_callbacks);
        plugins.iter_mut().for_each(Plugin::close_panel);
    });
    parents.into_iter().for_each(|parent| screen.destroy(parent));
}

/// Runs this test program again with only `test`, in a changed environment; its output.
fn run_child(test: &str, variable: &str, value: &str) -> String {
    let program = std::env::current_exe().expect("this test program");
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env(variable, value)
        .output()
        .expect("the child runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// The children do nothing by themselves.
fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

const SENTENCE: &str = "the panel cannot be opened on this display; audio goes on";

#[test]
fn no_display_is_told_in_a_sentence() {
    let told = run_child("child_without_a_panel", "DISPLAY", ":31999");
    assert!(told.contains(SENTENCE), "{told}");
}

fn no_opengl_is_told_in_a_sentence() {
    let told = run_child("child_without_a_panel", "LIBGL_DRIVERS_PATH", "/no/drivers/here");
    if told.contains("the panel opened all the same") {
        println!("skipped: OpenGL cannot be taken away from this system");
        return;
    }
    assert!(told.contains(SENTENCE), "{told}");
}

#[test]
fn child_without_a_panel() {
    if !is_child() {
        return;
    }
    let mut plugin = Plugin::load();
    let mut processor = plugin.activate(SAMPLE_RATE_HZ, 512);
    let parent = Screen::open().map_or(1, |screen| screen.parent(0));
    match plugin.open_panel(parent) {
        Ok(_) => {
            println!("the panel opened all the same");
            plugin.close_panel();
        }
        Err(error) => println!("the host hears: {error:?}"),
    }
    let input = vec![busy(1, 4_800, SAMPLE_RATE_HZ), busy(2, 4_800, SAMPLE_RATE_HZ)];
    let output = processor.process(&input, &[512], &[]);
    assert!(output.iter().flatten().any(|sample| *sample != 0.0), "audio goes on");
    plugin.deactivate(processor);
}
