//! Streams across processes: who publishes, who reads, and who dies in the middle of it.

mod peer;

use std::time::{Duration, Instant};

use structstore::stream::{Start, Stream};
use structstore::{Cleanup, ErrorKind, StructStoreShared};
use structstore_tests::SegmentName;

use peer::{LIMIT, Peer};

type Words = [u64; 8];
const FRAME: usize = 1000;

struct Streams {
    name: SegmentName,
    store: StructStoreShared,
    words: Stream<Words>,
    frames: Stream<[u64]>,
}

fn streams(label: &str, depth: u64) -> Streams {
    let name = SegmentName::new(label);
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
    let words = store.ensure_stream("words", Stream::depth(depth)).unwrap();
    let frames = store.ensure_stream("frames", Stream::array([FRAME]).depth(depth)).unwrap();
    Streams { name, store, words, frames }
}

fn whole(sample: &[u64]) -> u64 {
    assert!(sample.iter().all(|word| *word == sample[0]), "torn: {sample:?}");
    sample[0]
}

fn send(peer: &Peer, signal: i32) {
    // SAFETY: a child of this process that was not waited for yet; no memory is passed.
    assert_eq!(unsafe { libc::kill(peer.id() as i32, signal) }, 0);
}

#[test]
fn one_process_publishes_at_a_time() {
    let Streams { name, store, words, frames } = streams("one_publisher", 8);
    let mut other = Peer::start(&name, &["publish", "3"]).ready();
    for error in [words.publish(&[9; 8]).unwrap_err(), frames.loan().map(drop).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::HasPublisher);
        assert!(error.to_string().contains(&format!("process {} publishes", other.id())), "{error}");
    }
    assert_eq!((words.published(), words.publisher()), (3, Some(other.id().into())));
    assert_eq!(whole(&words.latest().unwrap().value), 2);
    other.kill();
    // The next one goes on with the sequence.
    assert_eq!((words.publish(&[9; 8]).unwrap(), frames.publish(&[9; FRAME]).unwrap()), (3, 3));
    let refused = Peer::start(&name, &["publish", "1"]);
    assert!(!refused.succeeds(), "two processes published");
    words.release().unwrap();
    frames.release().unwrap();
    Peer::start(&name, &["publish", "1"]).ready().finish();
    assert_eq!((words.published(), frames.published()), (5, 5));
    store.check().unwrap();
}

#[test]
fn readers_in_other_processes_get_every_sample() {
    let Streams { name, words, frames, .. } = streams("all_samples", 4096);
    let reader = Peer::start(&name, &["follow", "2000"]).ready();
    for at in 0..2000 {
        words.publish(&[at; 8]).unwrap();
        frames.publish(&[at; FRAME]).unwrap();
    }
    reader.finish();
}

/// A reader that is stopped while it has a frame costs the publisher that frame, and nothing else.
#[test]
fn a_stopped_reader_does_not_delay_the_publisher() {
    let Streams { name, words, frames, .. } = streams("stopped_reader", 2);
    words.publish(&[0; 8]).unwrap();
    frames.publish(&[0; FRAME]).unwrap();
    let reader = Peer::start(&name, &["hold a frame"]).ready();
    send(&reader, libc::SIGSTOP);
    for at in 1..1000 {
        words.publish(&[at; 8]).unwrap();
        frames.publish(&[at; FRAME]).unwrap();
        assert_eq!(whole(&frames.latest().unwrap().value), at);
    }
    // The reader finds its frame as it was.
    send(&reader, libc::SIGCONT);
    reader.finish();
}

#[test]
fn readers_without_write_permission_copy() {
    let Streams { name, words, frames, store } = streams("read_only_streams", 4);
    let reader = StructStoreShared::options().read_only(true).open(&name).unwrap();
    let (read_words, read_frames) =
        (reader.get::<Stream<Words>>("words").unwrap(), reader.get::<Stream<[u64]>>("frames").unwrap());
    let mut follow = (read_words.follow(Start::Next), read_frames.follow(Start::Next));
    for at in 0..4 {
        words.publish(&[at; 8]).unwrap();
        frames.publish(&[at; FRAME]).unwrap();
        assert_eq!(whole(&read_words.latest().unwrap().value), at);
        assert_eq!(whole(&read_frames.latest().unwrap().value), at);
        assert_eq!(whole(&follow.0.next_within(LIMIT).unwrap().unwrap().value), at);
        assert_eq!(whole(&follow.1.next_within(LIMIT).unwrap().unwrap().value), at);
    }
    assert_eq!(read_frames.history(3).unwrap().seqs(), [1, 2, 3]);
    assert_eq!(read_words.publish(&[0; 8]).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(read_frames.loan().map(drop).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(follow.0.next_within(Duration::from_millis(5)).unwrap().is_none());
    store.clear().unwrap();
    for error in [
        read_words.latest().map(drop).unwrap_err(),
        read_frames.latest().map(drop).unwrap_err(),
        follow.0.try_next().map(drop).unwrap_err(),
        read_words.history(2).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::StaleHandle);
    }
}

#[test]
fn an_observer_reads_and_does_not_publish() {
    let Streams { name, words, frames, .. } = streams("observed_streams", 4);
    words.publish(&[1; 8]).unwrap();
    frames.publish(&[1; FRAME]).unwrap();
    let observer = StructStoreShared::options().observe(true).open(&name).unwrap();
    let frame = observer.get::<Stream<[u64]>>("frames").unwrap();
    assert_eq!(whole(&frame.latest().unwrap().value), 1);
    assert_eq!(frame.publish(&[0; FRAME]).unwrap_err().kind(), ErrorKind::ReadOnly);
    let words = observer.get::<Stream<Words>>("words").unwrap();
    assert_eq!(words.publish(&[0; 8]).unwrap_err().kind(), ErrorKind::ReadOnly);
}

/// Several processes publish to one stream under a lock; one of them is killed.
#[test]
fn processes_publish_in_turn() {
    let Streams { name, store, words, .. } = streams("publish_in_turn", 64);
    let mut follow = words.follow(Start::Next);
    let peers: Vec<_> = (0..3).map(|_| Peer::start(&name, &["publish in turn", "300"])).collect();
    let mut killed = Peer::start(&name, &["publish in turn", "1000000000"]);
    let mut seen = 0;
    for sample in 0..100 {
        let found = follow.next_within(LIMIT).unwrap().unwrap();
        assert_eq!((whole(&found.value), found.seq), (found.seq, seen + found.missed), "sample {sample}");
        seen = found.seq + 1;
    }
    killed.kill();
    for peer in peers {
        peer.finish();
    }
    assert!(words.published() >= 900);
    assert_eq!(words.publish(&[0; 8]).unwrap() + 1, words.published());
    store.check().unwrap();
}

/// A publisher takes back what dead readers have before it gives up.
#[test]
fn dead_readers_keep_no_frames() {
    let Streams { name, store, frames, .. } = streams("dead_readers", 1);
    let hold = |at| {
        frames.publish(&[at; FRAME]).unwrap();
        Peer::start(&name, &["hold a frame"]).ready()
    };
    let (mut dead, living) = (hold(0), hold(1));
    frames.publish(&[2; FRAME]).unwrap();
    let error = frames.publish(&[3; FRAME]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FramesPinned);
    assert!(error.to_string().starts_with("frames: readers"), "{error}");
    dead.kill();
    assert_eq!(frames.publish(&[3; FRAME]).unwrap(), 3);
    living.finish();
    store.check().unwrap();
}

/// Closing a store gives the right to publish back, although handles to the stream live on.
#[test]
fn a_closed_store_publishes_nothing() {
    let Streams { name, store, words, frames } = streams("closed_streams", 4);
    words.publish(&[0; 8]).unwrap();
    let mut loan = frames.loan().unwrap();
    assert_eq!(words.publisher(), Some(std::process::id().into()));
    store.close().unwrap();
    assert_eq!(words.publisher(), None);
    // A frame that is being filled then is published all the same.
    loan.as_mut_slice().fill(7);
    assert_eq!(loan.publish().unwrap(), 0);
    assert_eq!(whole(&frames.latest().unwrap().value), 7);
    frames.release().unwrap();
    Peer::start(&name, &["publish", "1"]).ready().finish();
}

/// A forked child that has its parent's loan writes into memory of its own, and publishes nothing.
#[test]
fn a_child_fills_no_frame_of_its_parent() {
    let Streams { store, frames, .. } = streams("forked_loan", 2);
    let mut loan = frames.loan().unwrap();
    loan.as_mut_slice().fill(1);
    // SAFETY: the child calls the store and the allocator, both of which bear a fork, and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let fresh = whole(loan.as_slice()) == 0;
        loan.as_mut_slice().fill(9);
        let failed = whole(loan.as_slice()) == 9
            && loan.publish().is_err_and(|error| error.kind() == ErrorKind::HasPublisher);
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!(fresh && failed))) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a valid place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(whole(loan.as_slice()), 1);
    loan.publish().unwrap();
    store.check().unwrap();
}

/// A number of samples that memory cannot have is damage, also where the segment is large enough: what follows the block is others'.
#[test]
fn a_stream_ends_where_its_block_ends() {
    for (label, depth, damaged) in [("deep_words", 12_345_u64, 16_383_u64 * 2), ("deep_frames", 77, 78)] {
        let Streams { name, store, words, .. } = streams(label, depth);
        // More memory, which is not the stream's.
        store.set("more", vec![0_u64; 400_000]).unwrap();
        words.publish(&[1; 8]).unwrap();
        drop((store, words));
        let mut memory = std::fs::read(name.path()).unwrap();
        let (found, written) = (depth.to_le_bytes(), damaged.to_le_bytes());
        let mut changed = 0;
        for word in memory.as_chunks_mut::<8>().0.iter_mut().filter(|word| **word == found) {
            *word = written;
            changed += 1;
        }
        assert!(changed >= 2);
        std::fs::write(name.path(), memory).unwrap();
        let store = StructStoreShared::open(&name).unwrap();
        let field = if depth > 1000 { "words" } else { "frames" };
        let error = store.get::<structstore::stream::AnyStream>(field).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("a depth of"), "{error}");
    }
}

/// What publishers and readers are in the middle of is no damage.
#[test]
fn check_passes_while_streams_are_in_use() {
    let Streams { name, store, words, frames } = streams("checked_streams", 2);
    let _publisher = Peer::start(&name, &["publish forever"]).ready();
    let _reader = Peer::start(&name, &["follow", "1000000000"]).ready();
    let before = words.published();
    for _ in 0..300 {
        let kept = frames.latest().unwrap();
        store.check().unwrap();
        assert_eq!(whole(&kept.value), kept.seq);
    }
    assert!(words.published() > before);
}

/// Publishers and readers are killed at random points; readers that live on see whole samples, all of them counted.
#[test]
fn publishers_and_readers_die_at_any_point() {
    let Streams { name, store, words, frames } = streams("mortal_streams", 4);
    let mut follow = (words.follow(Start::Next), frames.follow(Start::Next));
    let (mut seen, mut framed) = (0, 0);
    for round in 0..20 {
        let mut publisher = Peer::start(&name, &["publish forever"]).ready();
        let mut reader = Peer::start(&name, &["follow", "1000000000"]).ready();
        let end = Instant::now() + Duration::from_millis(20 + round);
        while Instant::now() < end {
            while let Some(sample) = follow.0.next_within(Duration::from_millis(1)).unwrap() {
                assert_eq!(whole(&sample.value), sample.seq);
                assert_eq!(sample.seq, seen + sample.missed);
                seen = sample.seq + 1;
                if let Some(sample) = follow.1.try_next().unwrap() {
                    assert_eq!(whole(&sample.value), sample.seq);
                    assert_eq!(sample.seq, framed + sample.missed);
                    framed = sample.seq + 1;
                }
                if Instant::now() >= end {
                    break;
                }
            }
        }
        if round % 2 == 0 { publisher.kill() } else { reader.kill() }
        // What the other one leaves is repaired by those who come next.
    }
    assert!(seen > 20 && framed > 20, "{seen} samples and {framed} frames");
    store.check().unwrap();
    // Nobody has anything any more: all frames can be filled.
    let depth = frames.value().unwrap().depth();
    drop(follow);
    let loans: Vec<_> = (0..=depth).map(|_| frames.loan().unwrap()).collect();
    drop(loans);
    words.publish(&[words.published(); 8]).unwrap();
    store.check().unwrap();
}
