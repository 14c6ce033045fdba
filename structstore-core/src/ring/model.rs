//! Models of streams: loom runs the code of this module through the interleavings of a few threads.
//!
//! Samples are pairs of words that belong together, and frames are cells that loom watches for conflicting accesses. Whatever loom must
//! explore stays out of the threads that it does not concern: a thread's own load of a word hides another thread's earlier load of it, so
//! threads under test neither claim heads nor load them.

use std::ops::Range;
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::frames::{FrameSlot, Frames, Order, Pins, ROWS, Row};
use super::samples::{Cursor, PREFIX, Read, Samples};
use super::{Head, Nothing, OwnedBy};
use crate::lock::model::model;
use crate::sync::{AtomicU64, Ordering, mortal};

const SLICE: Duration = Duration::from_millis(10);
const SLOTS: u64 = 2;
const WORDS: usize = 2;

fn pair(seq: u64, by: u64) -> [u64; WORDS] {
    [seq * 10 + by, seq * 10 + by + 1000]
}

fn assert_whole(sample: [u64; WORDS], seq: u64) {
    assert!(sample[0] / 10 == seq && sample[1] == sample[0] + 1000, "torn: {sample:?} as {seq}");
}

struct Ring {
    head: Head,
    memory: Vec<AtomicU64>,
}

impl Ring {
    fn new() -> Arc<Ring> {
        let words = SLOTS as usize * (1 + PREFIX + WORDS);
        Arc::new(Ring { head: Head::new(), memory: (0..words).map(|_| AtomicU64::new(0)).collect() })
    }

    fn samples(&self) -> Samples<'_> {
        Samples::new(&self.head, &self.memory, SLOTS, WORDS).unwrap()
    }

    /// Publishes these samples as an owner that knows the next number.
    fn publish(&self, by: u64, seqs: Range<u64>) {
        for seq in seqs {
            self.samples().publish(by, seq, seq + 7, pair(seq, by).into_iter()).unwrap();
        }
    }

    fn claim_and_publish(&self, by: u64, count: u64) {
        let next = self.head.claim(by).unwrap();
        self.publish(by, next..next + count);
        self.head.release(by);
    }

    fn latest(&self) -> Result<Read, Nothing> {
        let mut out = [0; WORDS];
        let read = self.samples().latest(&mut out)?;
        assert_whole(out, read.seq);
        assert_eq!(read.time, read.seq + 7);
        Ok(read)
    }

    fn try_next(&self, cursor: &mut Cursor) -> Result<Read, Nothing> {
        let (mut out, from) = ([0; WORDS], cursor.next);
        let read = self.samples().try_next(cursor, &mut out)?;
        assert_whole(out, read.seq);
        assert_eq!(read.seq, from + read.missed, "miscounted");
        Ok(read)
    }

    /// Follows until nothing is left.
    fn drain(&self, cursor: &mut Cursor) {
        loop {
            match self.try_next(cursor) {
                Ok(_) | Err(Nothing::Busy) => {}
                Err(nothing) => return assert_eq!(nothing, Nothing::Empty),
            }
        }
    }

    /// Sleeps until a sample comes.
    fn next(&self, cursor: &mut Cursor) -> Read {
        loop {
            match self.try_next(cursor) {
                Ok(read) => return read,
                Err(nothing) => assert_eq!(nothing, Nothing::Empty),
            }
            self.head.wait(cursor.next, SLICE);
        }
    }
}

/// A reader of the newest sample, beside a publisher that goes round the ring.
#[test]
fn model_ring_latest() {
    for published in [2, 3] {
        model(3, move || {
            let ring = Ring::new();
            ring.head.claim(1).unwrap();
            let publisher = ring.clone();
            let publisher = thread::spawn(move || publisher.publish(1, 0..published));
            let mut before = 0;
            for _ in 0..2 {
                match ring.latest() {
                    Ok(read) => {
                        assert!(read.seq + 1 >= before, "back");
                        before = read.seq + 1;
                    }
                    Err(Nothing::Empty) => assert_eq!(before, 0),
                    Err(nothing) => assert_eq!(nothing, Nothing::Busy),
                }
            }
            publisher.join().unwrap();
        });
    }
}

/// What a follower gets and what it misses add up.
#[test]
fn model_ring_follow() {
    model(3, || {
        let ring = Ring::new();
        ring.head.claim(1).unwrap();
        let publisher = ring.clone();
        let publisher = thread::spawn(move || publisher.publish(1, 0..3));
        let mut cursor = Cursor::at(0);
        ring.drain(&mut cursor);
        publisher.join().unwrap();
        ring.drain(&mut cursor);
        assert_eq!(cursor.next, 3);
    });
}

/// Nothing is said to be missed while nothing is written over.
#[test]
fn model_ring_misses_nothing() {
    model(3, || {
        let ring = Ring::new();
        ring.head.claim(1).unwrap();
        let publisher = ring.clone();
        let publisher = thread::spawn(move || publisher.publish(1, 0..2));
        let mut cursor = Cursor::at(0);
        for _ in 0..2 {
            match ring.try_next(&mut cursor) {
                Ok(read) => assert_eq!(read.missed, 0),
                Err(nothing) => assert_eq!(nothing, Nothing::Empty),
            }
        }
        publisher.join().unwrap();
    });
}

/// A history is a run of whole samples up to a head.
#[test]
fn model_ring_history() {
    model(3, || {
        let ring = Ring::new();
        ring.claim_and_publish(1, 2);
        ring.head.claim(1).unwrap();
        let publisher = ring.clone();
        let publisher = thread::spawn(move || publisher.publish(1, 2..4));
        let mut out = Vec::with_capacity(2 * (PREFIX + WORDS));
        let run = ring.samples().history(0, ring.head.published(), out.spare_capacity_mut());
        // SAFETY: as many words were written.
        unsafe { out.set_len(run.copied) };
        let rows: Vec<&[u64]> = out[run.lost..].chunks_exact(PREFIX + WORDS).collect();
        assert!(rows.len() <= 1 && run.first + rows.len() as u64 >= 2 && run.asked == 0, "{run:?}");
        for (at, row) in rows.iter().enumerate() {
            assert_whole([row[1], row[2]], run.first + at as u64);
        }
        publisher.join().unwrap();
    });
}

/// Sleepers wake.
#[test]
fn model_ring_wakes() {
    for (readers, published) in [(1, 2), (2, 1), (2, 2)] {
        model(3, move || {
            let ring = Ring::new();
            ring.head.claim(1).unwrap();
            let readers: Vec<_> = (0..readers)
                .map(|_| {
                    let ring = ring.clone();
                    thread::spawn(move || {
                        let mut cursor = Cursor::at(0);
                        while cursor.next < published {
                            ring.next(&mut cursor);
                        }
                    })
                })
                .collect();
            ring.publish(1, 0..published);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
}

/// The woken thread dies before it passes the waking on: the next sample wakes the other one.
#[test]
fn model_ring_passer_dies() {
    for death in 1..=4 {
        model(3, move || {
            let ring = Ring::new();
            ring.head.claim(1).unwrap();
            let (dying, other) = (ring.clone(), ring.clone());
            let dying = thread::spawn(move || {
                mortal(death, || {
                    dying.next(&mut Cursor::at(0));
                });
            });
            let other = thread::spawn(move || {
                other.next(&mut Cursor::at(0));
            });
            ring.publish(1, 0..1);
            dying.join().unwrap();
            ring.publish(1, 1..2);
            other.join().unwrap();
        });
    }
}

/// The publisher dies at each of its stores, and another one goes on, beside a follower.
#[test]
fn model_ring_publisher_dies() {
    for death in 1..=16 {
        model(3, move || {
            let ring = Ring::new();
            ring.head.claim(1).unwrap();
            let publisher = ring.clone();
            let publisher = thread::spawn(move || {
                mortal(death, || publisher.publish(1, 0..2));
                publisher.samples().bury(1);
                let before = publisher.head.published();
                publisher.claim_and_publish(2, 1);
                assert_eq!(publisher.head.published(), before + 1, "goes on with the sequence");
            });
            let mut cursor = Cursor::at(0);
            let _ = ring.try_next(&mut cursor);
            publisher.join().unwrap();
            ring.drain(&mut cursor);
            assert_eq!(cursor.next, ring.head.published());
            ring.latest().unwrap();
        });
    }
}

/// The same beside a reader that looks at stamps before the head says so (I1).
#[test]
fn model_ring_publisher_dies_beside_a_reader_of_stamps() {
    for death in 1..=8 {
        model(3, move || {
            let ring = Ring::new();
            ring.head.claim(1).unwrap();
            let publisher = ring.clone();
            let publisher = thread::spawn(move || {
                mortal(death, || publisher.publish(1, 0..1));
                publisher.samples().bury(1);
                publisher.claim_and_publish(2, 1);
            });
            let mut out = [0; WORDS];
            if ring.samples().read(0, &mut out).is_ok() {
                assert_whole(out, 0);
            }
            publisher.join().unwrap();
        });
    }
}

/// The same beside a sleeper: the repairer wakes it, or the next publisher.
#[test]
fn model_ring_publisher_dies_beside_a_sleeper() {
    for death in 1..=12 {
        model(3, move || {
            let ring = Ring::new();
            let reader = ring.clone();
            let reader = thread::spawn(move || {
                reader.next(&mut Cursor::at(0));
            });
            ring.head.claim(1).unwrap();
            mortal(death, || ring.publish(1, 0..1));
            ring.samples().bury(1);
            if ring.head.published() == 0 {
                ring.claim_and_publish(2, 1);
            }
            reader.join().unwrap();
        });
    }
}

/// One process goes on where another one released the head: a reader that finds a mark of the second one knows the head of the first (I3).
#[test]
fn model_ring_handover() {
    model(3, || {
        let ring = Ring::new();
        ring.head.claim(1).unwrap();
        let (first, second) = (ring.clone(), ring.clone());
        let first = thread::spawn(move || {
            first.publish(1, 0..2);
            first.head.release(1);
        });
        let second = thread::spawn(move || {
            if second.head.claim(2).is_ok() {
                second.publish(2, 2..3);
            }
        });
        if let Err(nothing) = ring.latest() {
            assert!(matches!(nothing, Nothing::Busy | Nothing::Empty), "{nothing:?}");
        }
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn model_ring_has_one_owner() {
    model(3, || {
        let ring = Ring::new();
        let run = |ring: &Ring, me: u64| match ring.head.claim(me) {
            Ok(next) => {
                ring.publish(me, next..next + 1);
                ring.head.release(me);
                true
            }
            Err(OwnedBy(other)) => {
                assert_eq!(other, 3 - me);
                false
            }
        };
        let first = ring.clone();
        let first = thread::spawn(move || run(&first, 1));
        let second = run(&ring, 2);
        let first = first.join().unwrap();
        assert!(first || second);
        assert_eq!(ring.head.published(), u64::from(first) + u64::from(second));
    });
}

/// A stream of frames.
struct Camera {
    head: Head,
    slots: Vec<FrameSlot>,
    pins: Vec<Pins>,
    index: Vec<AtomicU64>,
    rows: Vec<AtomicU64>,
    frames: Vec<UnsafeCell<u64>>,
    /// Once more, for readers that copy.
    words: Vec<[AtomicU64; 2]>,
}

// SAFETY: the cells are what the protocol under test protects; loom reports conflicting accesses.
unsafe impl Sync for Camera {}

/// An owner of a camera, whose notes no other thread sees.
struct Shooter {
    me: u64,
    next: u64,
    order: Order,
}

/// A process that reads.
struct Reader {
    row: Mutex<Option<Row>>,
}

impl Camera {
    fn new(slots: usize) -> Arc<Camera> {
        let word = || AtomicU64::new(0);
        Arc::new(Camera {
            head: Head::new(),
            slots: (0..slots).map(|_| FrameSlot { stamp: word(), time: word() }).collect(),
            pins: (0..slots).map(|_| Pins { words: std::array::from_fn(|_| word()) }).collect(),
            index: (0..slots).map(|_| word()).collect(),
            rows: (0..ROWS).map(|_| word()).collect(),
            frames: (0..slots).map(|_| UnsafeCell::new(0)).collect(),
            words: (0..slots).map(|_| [word(), word()]).collect(),
        })
    }

    fn ring(&self) -> Frames<'_> {
        let Camera { head, slots, pins, index, rows, .. } = self;
        Frames { head, slots, pins, index, rows }
    }

    fn claim(&self, me: u64) -> Shooter {
        let next = self.head.claim(me).unwrap();
        Shooter { me, next, order: self.ring().order(next, &[]) }
    }

    /// Publishes so many frames, as far as slots are to be had.
    fn go_on(&self, shooter: &mut Shooter, count: u64) -> u64 {
        let first = shooter.next;
        for _ in 0..count {
            let Shooter { me, next, order } = shooter;
            let Ok(slot) = self.ring().loan(*me, *next, order) else { continue };
            let [one, two] = pair(*next, *me);
            // SAFETY: loaned.
            self.frames[slot].with_mut(|frame| unsafe { *frame = one });
            self.words[slot][0].store(one, Ordering::Relaxed);
            self.words[slot][1].store(two, Ordering::Relaxed);
            self.ring().publish(slot, *next, *next + 7, order);
            *next += 1;
        }
        shooter.next - first
    }

    fn shoot(&self, me: u64, count: u64) -> u64 {
        let mut shooter = self.claim(me);
        let made = self.go_on(&mut shooter, count);
        self.head.release(me);
        made
    }

    fn register(&self, me: u64) -> Reader {
        Reader { row: Mutex::new(Some(Row::take(&self.ring(), me).unwrap())) }
    }

    fn leave(&self, reader: &Reader) {
        reader.row.lock().unwrap().take().unwrap().leave(&self.ring());
    }

    fn pin(&self, reader: &Reader, seq: u64) -> Result<usize, Nothing> {
        let row = |run: &mut dyn FnMut(&mut Row)| run(reader.row.lock().unwrap().as_mut().unwrap());
        let (slot, time) = self.ring().pin(seq, row)?;
        assert_eq!(time, seq + 7);
        Ok(slot)
    }

    /// Looks twice at a pinned frame, and ends the pin.
    fn view(&self, reader: &Reader, seq: u64, slot: usize) {
        // SAFETY: pinned.
        let see = || self.frames[slot].with(|frame| unsafe { *frame });
        let seen = see();
        assert_eq!(seen / 10, seq, "another frame");
        thread::yield_now();
        assert_eq!(see(), seen, "the frame changed");
        reader.row.lock().unwrap().as_mut().unwrap().unpin(&self.ring(), slot);
    }

    fn view_latest(&self, reader: &Reader) {
        match self.ring().latest(|seq| self.pin(reader, seq).map(|slot| (seq, slot))) {
            Ok((seq, slot)) => self.view(reader, seq, slot),
            Err(nothing) => assert_ne!(nothing, Nothing::Corrupt),
        }
    }
}

/// Pins against reuse of slots.
#[test]
fn model_ring_pins() {
    for (slots, published, readers) in [(2, 2, 1), (3, 3, 1), (2, 2, 2)] {
        model(if readers == 1 { 3 } else { 2 }, move || {
            let camera = Camera::new(slots);
            camera.shoot(1, 1);
            let mut shooter = camera.claim(1);
            let readers: Vec<_> = (0..readers)
                .map(|me| {
                    let camera = camera.clone();
                    thread::spawn(move || {
                        let reader = camera.register(5 + me);
                        camera.view_latest(&reader);
                        camera.leave(&reader);
                    })
                })
                .collect();
            camera.go_on(&mut shooter, published);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            camera.head.release(1);
            // Nothing is pinned any more.
            assert_eq!(camera.shoot(2, 3), 3);
        });
    }
}

/// A frame that the publisher marked and gave back, since it was pinned, can still be found by others.
#[test]
fn model_ring_pinned_frames_stay() {
    model(3, || {
        let camera = Camera::new(2);
        camera.shoot(1, 2);
        let mut shooter = camera.claim(1);
        let other = camera.clone();
        let reader = thread::spawn(move || {
            let reader = other.register(5);
            let pinned = other.pin(&reader, 0);
            if let Ok(slot) = pinned {
                other.view(&reader, 0, slot);
            }
            pinned.is_ok()
        });
        let made = camera.go_on(&mut shooter, 1);
        let got = reader.join().unwrap();
        let reader = camera.register(6);
        assert!(made == 1 || got || camera.pin(&reader, 0).is_ok(), "lost to nobody");
    });
}

/// A reader that relies on the stamp alone, which the publisher has restored, sees the frame.
#[test]
fn model_ring_restored_frames_are_read() {
    model(2, || {
        let camera = Camera::new(2);
        let mut shooter = camera.claim(1);
        let readers: Vec<_> = (0..2)
            .map(|me| {
                let camera = camera.clone();
                thread::spawn(move || {
                    let reader = camera.register(5 + me);
                    if let Ok(slot) = camera.pin(&reader, 0) {
                        camera.view(&reader, 0, slot);
                    }
                })
            })
            .collect();
        camera.go_on(&mut shooter, 3);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// Two threads of a process share a bit.
#[test]
fn model_ring_threads_share_a_row() {
    model(2, || {
        let camera = Camera::new(2);
        camera.shoot(1, 1);
        let reader = Arc::new(camera.register(5));
        let mut shooter = camera.claim(1);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (camera, reader) = (camera.clone(), reader.clone());
                thread::spawn(move || camera.view_latest(&reader))
            })
            .collect();
        camera.go_on(&mut shooter, 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A reader dies at each of its stores; afterwards nothing is pinned, and no row is taken.
#[test]
fn model_ring_reader_dies() {
    for death in 1..=4 {
        model(3, move || {
            let camera = Camera::new(2);
            camera.shoot(1, 1);
            let mut shooter = camera.claim(1);
            let other = camera.clone();
            let reader = thread::spawn(move || {
                mortal(death, || {
                    let reader = other.register(5);
                    other.view_latest(&reader);
                    other.leave(&reader);
                });
                other.ring().bury(5);
            });
            camera.go_on(&mut shooter, 2);
            camera.head.release(1);
            reader.join().unwrap();
            assert_eq!(camera.shoot(2, 3), 3);
            assert!(camera.rows.iter().all(|row| row.load(Ordering::Relaxed) == 0));
        });
    }
}

/// While a dead reader is buried, another process gets its row.
#[test]
fn model_ring_row_is_reused() {
    model(3, || {
        let camera = Camera::new(2);
        camera.shoot(1, 1);
        // The other row is taken.
        let _other = camera.register(7);
        mortal(3, || camera.view_latest(&camera.register(5)));
        let mut shooter = camera.claim(1);
        let burier = camera.clone();
        let burier = thread::spawn(move || burier.ring().bury(5));
        let second = camera.clone();
        let second = thread::spawn(move || {
            if let Some(row) = Row::take(&second.ring(), 6) {
                let reader = Reader { row: Mutex::new(Some(row)) };
                second.view_latest(&reader);
                second.leave(&reader);
            }
        });
        camera.go_on(&mut shooter, 2);
        burier.join().unwrap();
        second.join().unwrap();
    });
}

/// The publisher dies at each of its stores beside a reader, and another one goes on.
#[test]
fn model_ring_shooter_dies() {
    for death in 1..=22 {
        model(2, move || {
            let camera = Camera::new(2);
            camera.shoot(1, 1);
            let mut shooter = camera.claim(1);
            let other = camera.clone();
            let reader = thread::spawn(move || {
                let reader = other.register(5);
                other.view_latest(&reader);
                other.leave(&reader);
            });
            mortal(death, || {
                camera.go_on(&mut shooter, 2);
            });
            camera.ring().bury(1);
            let before = camera.head.published();
            let made = camera.shoot(2, 2);
            assert_eq!(camera.head.published(), before + made);
            reader.join().unwrap();
            assert_eq!(camera.shoot(3, 3), 3);
        });
    }
}

/// The same beside a reader that looks ahead of the head (I1).
#[test]
fn model_ring_shooter_dies_beside_a_reader_of_stamps() {
    for death in 1..=10 {
        model(3, move || {
            let camera = Camera::new(1);
            let mut shooter = camera.claim(1);
            let other = camera.clone();
            let reader = thread::spawn(move || {
                let reader = other.register(5);
                if let Ok(slot) = other.pin(&reader, 0) {
                    other.view(&reader, 0, slot);
                }
            });
            mortal(death, || {
                camera.go_on(&mut shooter, 1);
            });
            camera.ring().bury(1);
            camera.shoot(2, 1);
            reader.join().unwrap();
        });
    }
}

/// A reader that may not write copies.
#[test]
fn model_ring_copies_of_frames() {
    model(3, || {
        let camera = Camera::new(2);
        let mut shooter = camera.claim(1);
        let other = camera.clone();
        let publisher = thread::spawn(move || other.go_on(&mut shooter, 3));
        let load = |slot: usize| camera.words[slot].each_ref().map(|word| word.load(Ordering::Relaxed));
        let copied = camera.ring().latest(|seq| camera.ring().copy(seq, load).map(|copied| (seq, copied)));
        match copied {
            Ok((seq, (copied, time))) => {
                assert_whole(copied, seq);
                assert_eq!(time, seq + 7);
            }
            Err(nothing) => assert_ne!(nothing, Nothing::Corrupt),
        }
        publisher.join().unwrap();
    });
}

/// What a follower of frames gets and misses adds up.
#[test]
fn model_ring_frames_are_followed() {
    model(3, || {
        let camera = Camera::new(2);
        let mut shooter = camera.claim(1);
        let other = camera.clone();
        let publisher = thread::spawn(move || other.go_on(&mut shooter, 3));
        let reader = camera.register(5);
        let (mut next, mut at) = (0, 0);
        let mut step = |next: &mut u64| {
            let pin = |seq| camera.pin(&reader, seq).map(|slot| (seq, slot));
            match camera.ring().try_next(next, pin) {
                Ok(((seq, slot), missed)) => {
                    assert_eq!(seq, at + missed);
                    at = seq + 1;
                    camera.view(&reader, seq, slot);
                    true
                }
                Err(nothing) => {
                    assert_ne!(nothing, Nothing::Corrupt);
                    false
                }
            }
        };
        step(&mut next);
        publisher.join().unwrap();
        while step(&mut next) {}
        assert_eq!(next, camera.head.published());
    });
}
