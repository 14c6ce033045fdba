//! Verifying what threads and processes have in an arena: the header, participants, seats, watchers, and the locks of nodes.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use crate::arena::layout::RECOVERED;
use crate::arena::layout::{DEAD, Node, PERSISTENT, Participant, Record, Seat, TRANSIENT, Watcher};
use crate::arena::{Arena, HeapGuard, chunk_records};
use crate::error::{Error, Result};
use crate::lock::{MAX_SEATS, SeatLine, Wait, are_hints, explains, is_free_but_held, owner_seat};
use crate::notice::{self, Notices};
use crate::segment::RESERVATION;
use crate::sync::{AtomicU64, Ordering};

/// How often a word is looked at that names an owner who does not say so, and how long to pause in between: somebody may be
/// taking it, giving it back and taking it again.
const LOOKS: usize = 50;
const PAUSE: Duration = Duration::from_micros(200);

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire)
}

impl Arena {
    /// Verifies all that there is of one whole arena. The caller holds its root, and the heap lock; or finds out by itself
    /// whether anything was changed meanwhile.
    pub(crate) fn check_holders(&self) -> Result<()> {
        self.check_header()?;
        self.check_participants()?;
        self.check_seats()?;
        self.check_words()
    }

    fn check_header(&self) -> Result<()> {
        let header = self.header();
        let (committed, max, end) = (load(&header.committed), load(&header.max_size), load(&header.heap.end));
        if committed > max || max > RESERVATION || end >= committed {
            let found =
                format!("a heap that ends at {end} in a segment of {committed} bytes that may grow to {max}");
            return Err(Error::corrupt("the header", found, "each of them within the next"));
        }
        let (lifetime, removed) = (load(&header.lifetime), load(&header.removed));
        if !matches!(lifetime, TRANSIENT | PERSISTENT) || removed > 1 || load(&header.untouched) > 1 {
            let found = format_args!("the lifetime {lifetime} and the mark of removal {removed}").to_string();
            return Err(Error::corrupt("the header", found, "1 or 2, and 0 or 1"));
        }
        let undo = load(&header.heap.undo_count);
        if undo != 0 {
            return Err(Error::corrupt(
                "the heap",
                format_args!("an undo log of {undo} words"),
                "an empty one",
            ));
        }
        Ok(())
    }

    fn check_participants(&self) -> Result<()> {
        let used = self.used::<Participant>();
        for (index, participant) in self.records::<Participant>() {
            let state = load(&participant.state);
            if state > DEAD || state != 0 && index >= used {
                let place = format!("participant {index}");
                return Err(Error::corrupt(
                    place,
                    format_args!("the state {state}"),
                    "the state of a participant, or 0",
                ));
            }
        }
        Ok(())
    }

    fn check_seats(&self) -> Result<()> {
        let (used, lines) = (self.used::<Seat>(), self.used::<SeatLine>());
        if used != lines {
            return Err(Error::corrupt(
                "the seats",
                format_args!("{used} seats and {lines} lines of locks"),
                "one line for each seat",
            ));
        }
        // The operation of this thread's own transaction may be under way.
        let own = self.own_seats();
        let transaction = self.transaction().map(|(seat, _)| seat.own.index);
        for (index, seat) in self.records::<Seat>() {
            let broken = |found, expected| Err(Error::corrupt(format_args!("seat {index}"), found, expected));
            let line = self.record::<SeatLine>(index)?;
            let participant = load(&seat.participant);
            if participant != 0 && index >= used {
                return broken("a thread in a seat that was never used", "none");
            }
            if !self.is_of_attached(participant) {
                return broken("a thread of a process that ended", "a thread of an attached process");
            }
            if !line.covers() {
                return broken("locks that it does not count", "a count of all its locks");
            }
            if line.any_of_all() && (participant == 0 || !self.is_marked(index)) {
                return broken(
                    "locks without an owner",
                    "no locks, or a thread that is marked as their owner",
                );
            }
            if participant != 0 && load(&seat.journal) == 0 && !self.is_marked(index) {
                return broken("a thread that is not marked", "a marked thread");
            }
            // What others build aside is not their own yet. Everything else they do under locks, and this one holds the root.
            let building = [&seat.pending_blocks, &seat.pending_nodes];
            let changing = [&seat.phase, &seat.log_count, &seat.log_block, &seat.cursor, &seat.doomed];
            let busy = |words: &[&AtomicU64]| words.iter().any(|word| load(word) != 0);
            let others = participant != 0 && !own.contains(&index);
            if transaction != Some(index) && (busy(&changing) || !others && busy(&building)) {
                return broken("an operation under way", "none");
            }
        }
        Ok(())
    }

    /// Verifies that watchers are counted, and that nodes are marked that they watch, and no others. Who may not write
    /// finds out by itself whether anything was changed meanwhile.
    pub(crate) fn check_watchers(&self) -> Result<()> {
        let _heap =
            self.writable().then(|| HeapGuard::lock(self, self.owner(), &Wait::FOREVER)).transpose()?;
        let (mut count, mut named) = (0_u64, HashSet::new());
        for place in 0..self.used::<Watcher>() {
            let record = self.record::<Watcher>(place)?;
            let leaving = record.leaving.load(Ordering::Relaxed);
            let participant = record.participant.load(Ordering::Relaxed);
            if leaving > 1 || leaving == 1 && participant == 0 {
                return Err(Error::corrupt(
                    "a watcher",
                    format_args!("the mark of leaving {leaving:#x}"),
                    "0, or 1 in a record in use",
                ));
            }
            if !self.is_of_attached(participant) {
                return Err(Error::corrupt(
                    "a watcher",
                    "the record of a process that ended",
                    "a record of an attached process",
                ));
            }
            if participant != 0 {
                count = count.saturating_add(1_u64.saturating_sub(leaving));
                named.insert(record.node.load(Ordering::Relaxed) as u32);
            }
        }
        let watching = self.header().watching.load(Ordering::Relaxed);
        if watching != count {
            return Err(Error::corrupt(
                "the watchers",
                format_args!("a count of {watching}"),
                "as many as are registered",
            ));
        }
        let mut watched = HashSet::new();
        self.watched(|node| {
            watched.insert(node);
        });
        for node in &watched {
            if !notice::is_announced(self, *node)? {
                let expected = "marks on every node up to the root";
                return Err(Error::corrupt(
                    format_args!("the watched node {node}"),
                    "a node above it without a mark",
                    expected,
                ));
            }
        }
        for index in 0..self.used::<Node>() {
            // Whoever watches a node that is gone may have left its mark to who has the record now.
            let (marked, node) = (self.node(index)?.head.notice.is_watched(), index);
            if marked && !named.contains(&node) || !marked && watched.contains(&node) {
                let expected = "a mark if the node is watched, and none otherwise";
                return Err(Error::corrupt(
                    format_args!("the watch word of node {index}"),
                    "a watch mark that does not match the watchers",
                    expected,
                ));
            }
        }
        Ok(())
    }

    /// Whether the participant to whom a record belongs, if it belongs to any, is attached.
    fn is_of_attached(&self, participant: u64) -> bool {
        let Some(index) = participant.checked_sub(1) else { return true };
        let record = u32::try_from(index).ok().and_then(|index| self.record::<Participant>(index).ok());
        record.is_some_and(|record| load(&record.state) != 0)
    }

    /// Whether lockers are told to look at a seat.
    fn is_marked(&self, seat: u32) -> bool {
        let bits = self.header().claimed.get(seat as usize / 64).map_or(0, load);
        bits & 1 << (seat % 64) != 0
    }

    fn check_words(&self) -> Result<()> {
        for (index, node) in self.records::<Node>() {
            let broken =
                |found: String, expected| Err(Error::corrupt(format_args!("node {index}"), found, expected));
            let word = &node.head.word;
            if is_free_but_held(load(word)) {
                return broken("a held lock without an owner".to_owned(), "an owner");
            }
            if let Some(seat) = owner_seat(load(word))
                && !self.owns(seat, index, word)
            {
                return broken(
                    format!("a lock in the name of seat {seat}, which does not hold it"),
                    "the seat that holds it",
                );
            }
            let hints = load(&node.head.hints);
            if !are_hints(hints, RECOVERED) {
                return broken(format!("the hints {hints:#x}"), "valid hints");
            }
        }
        Ok(())
    }

    /// Whether the owner of a word says so itself, or the word has another one meanwhile.
    fn owns(&self, seat: u32, node: u32, word: &AtomicU64) -> bool {
        (0..LOOKS).any(|look| {
            if look != 0 {
                thread::sleep(PAUSE);
            }
            let said = |line: &SeatLine| line.all().iter().any(|hold| explains(load(hold), node));
            owner_seat(load(word)) != Some(seat)
                || (seat as usize) < MAX_SEATS && self.record::<SeatLine>(seat).is_ok_and(said)
        })
    }

    /// All records of a table, whether they were ever used or not.
    fn records<'a, T: Record + 'a>(&'a self) -> impl Iterator<Item = (u32, &'a T)> {
        (0..self.room::<T>()).map_while(|index| Some((index, self.record(index).ok()?)))
    }

    /// How many records a table has, used or not.
    pub(crate) fn room<T: Record>(&self) -> u32 {
        let chunks = T::table(self.header()).chunks.iter().enumerate();
        let room: u64 = chunks
            .take_while(|(_, offset)| load(offset) != 0)
            .map(|(chunk, _)| chunk_records::<T>(chunk))
            .sum();
        u32::try_from(room).unwrap_or(u32::MAX)
    }
}
