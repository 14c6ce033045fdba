//! A camera: one process publishes frames, another looks at them, and nobody ever sees a torn one.
//!
//! ```sh
//! cargo run -p structstore-examples --example camera
//! ```
//!
//! The camera is this program, started again. It writes the number of a frame all over its 480 rows of 640 bytes, in memory of
//! the store that no other process sees, and publishes the frame as a whole: the array changes to it in one step. The viewer takes
//! every other frame by a view, which keeps the block for as long as it likes and holds up nobody, and those between by a
//! read guard, which lends the pixels without a copy while the array stays as it is.
//!
//! One should see how many of the frames were seen (all, if this process is as fast as the camera), that none was torn,
//! and that a view of the first frame still shows it after the last one: "seen 498 frames of 500, torn: 0". It
//! takes about a second. The shared segment is gone at the end.

mod peer;

use std::thread;
use std::time::{Duration, Instant};

use peer::{Outcome, PATIENCE, Peer, part, unique_name};
use structstore::{Array, ArrayValue, ErrorKind, Result, StructStoreShared};

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
    let started = Instant::now();
    for number in 1..=FRAMES {
        thread::sleep((started + number * PERIOD).saturating_duration_since(Instant::now()));
        // Filled where it is going to be read; the lock is taken for the change of one word.
        let mut frame = store.fill::<u8>("frame", &SHAPE)?;
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
    store.set("frame", ArrayValue::from_slice(&SHAPE, &vec![0_u8; SHAPE[0] * SHAPE[1]])?)?;
    let frame = store.get::<Array>("frame")?;
    let first = frame.view()?;
    let mut camera = Peer::start("camera", &name)?;

    let (mut seen, mut torn, mut last) = (0, 0, 0);
    let mut by_view = false;
    let started = Instant::now();
    while last < FRAMES {
        camera.ended()?;
        if started.elapsed() > PATIENCE {
            return Err(format!("the camera has stopped at frame {last}").into());
        }
        let number = if by_view {
            // What has been published meanwhile has a block of its own, so that this one stays as it is.
            number_of(&frame.view()?.to_vec::<u8>()?)
        } else {
            look(&frame)?
        };
        match number {
            None => torn += 1,
            Some(number) if number == last => thread::sleep(PERIOD / 10),
            Some(number) => {
                assert!(number > last, "frame {number} came after frame {last}");
                seen += 1;
                last = number;
                by_view = !by_view;
            }
        }
    }
    camera.finish()?;
    println!("seen {seen} frames of {FRAMES}, torn: {torn}");
    let kept = number_of(&first.to_vec::<u8>()?);
    println!("the view of the first frame still shows number {}", kept.unwrap_or(u32::MAX));
    assert_eq!((torn, kept), (0, Some(0)));
    drop(first);
    store.close()?;
    Ok(())
}

/// The number of the present frame, read where it lies.
fn look(frame: &structstore::Array) -> Result<Option<u32>> {
    let guard = frame.read()?;
    match guard.as_slice::<u8>() {
        Ok(pixels) => Ok(number_of(pixels)),
        // Somebody has a view of it, through which it might change at any time: then by a copy.
        Err(error) if error.kind() == ErrorKind::Leased => Ok(number_of(&guard.to_vec::<u8>()?)),
        Err(error) => Err(error),
    }
}
