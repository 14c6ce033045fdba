//! A camera: one process publishes frames and another reads each of them. Neither waits for the other, and no frame is torn.
//!
//! ```sh
//! cargo run -p structstore-examples --example camera
//! ```
//!
//! The camera is this program, started again. It writes the number of a frame all over its 480 rows of 640 bytes, in memory of
//! the store that no other process sees, and publishes the frame in a stream, without a copy. The viewer follows the stream and
//! reads the frames in place. A frame does not change while the viewer keeps it: the camera fills another one. A viewer that is too
//! slow learns how many frames it missed.
//!
//! One should see how many frames were seen and how many were missed, which together are all of them, that none was torn, and that
//! the first frame, which the viewer keeps, is still the same after the last one: "seen 500 frames and missed 0 of 500, torn: 0". It
//! takes about a second. The shared segment is gone at the end.

mod peer;

use std::thread;
use std::time::{Duration, Instant};

use peer::{Outcome, PATIENCE, Peer, part, unique_name};
use structstore::StructStoreShared;
use structstore::stream::{Start, Stream};

const SHAPE: [usize; 2] = [480, 640];

/// How many frames the camera makes.
const FRAMES: u32 = 500;

const PERIOD: Duration = Duration::from_millis(2);

fn main() -> Outcome {
    match part() {
        Some((_, name)) => film(&name),
        None => watch(),
    }
}

/// The camera.
fn film(name: &str) -> Outcome {
    let store = StructStoreShared::options().create(false).open(name)?;
    let frames = store.get::<Stream<[u8]>>("frames")?;
    let started = Instant::now();
    for number in 0..FRAMES {
        thread::sleep((started + number * PERIOD).saturating_duration_since(Instant::now()));
        // Filled where it is going to be read.
        let mut frame = frames.loan()?;
        expose(frame.as_mut_slice(), number);
        frame.publish()?;
    }
    Ok(())
}

/// Writes a number all over a frame.
fn expose(pixels: &mut [u8], number: u32) {
    let row = number.to_le_bytes().repeat(SHAPE[1] / 4);
    for pixels in pixels.chunks_exact_mut(SHAPE[1]) {
        pixels.copy_from_slice(&row);
    }
}

/// The number of a frame, or `None` if parts of it are of another frame.
fn number_of(pixels: &[u8]) -> Option<u32> {
    let number = *pixels.first_chunk()?;
    let row = number.repeat(SHAPE[1] / 4);
    pixels.chunks_exact(SHAPE[1]).all(|pixels| pixels == row).then_some(u32::from_le_bytes(number))
}

fn watch() -> Outcome {
    let name = unique_name("camera");
    let store = StructStoreShared::open(&name)?;
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array(SHAPE).depth(8))?;
    let mut follow = frames.follow(Start::Next);
    let mut camera = Peer::start("camera", &name)?;

    let (mut seen, mut missed, mut torn, mut first) = (0, 0, 0, None);
    let started = Instant::now();
    while seen + missed < FRAMES.into() {
        camera.ended()?;
        if started.elapsed() > PATIENCE {
            return Err(format!("the camera has stopped at frame {}", seen + missed).into());
        }
        let Some(frame) = follow.next_within(Duration::from_millis(100))? else { continue };
        missed += frame.missed;
        seen += 1;
        if number_of(&frame.value).map(u64::from) != Some(frame.seq) {
            torn += 1;
        }
        first.get_or_insert(frame);
    }
    camera.finish()?;
    println!("seen {seen} frames and missed {missed} of {FRAMES}, torn: {torn}");
    let first = first.ok_or("no frame was seen")?;
    let kept = number_of(&first.value).map(u64::from);
    println!("the first frame is still number {}", kept.unwrap_or(u64::MAX));
    assert_eq!((torn, kept), (0, Some(first.seq)));
    drop((first, follow, frames));
    store.close()?;
    Ok(())
}
