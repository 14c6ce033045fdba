//! The thread of a recording that reads streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use structstore::stream::{AnySample, Readers};

use crate::queue::{Followed, Item};
use crate::shared::{Shared, TICK};

/// How many samples of a stream are read in a row.
const RUN: usize = 1000;

/// Follows streams.
pub(crate) struct Follow {
    shared: Arc<Shared>,
    readers: Readers<Reader>,
}

struct Reader {
    followed: Arc<Followed>,
    /// How many samples are missing in front of the next one, and are not in the recording as such yet.
    gap: u64,
}

impl Follow {
    pub(crate) fn new(shared: Arc<Shared>) -> Follow {
        Follow { shared, readers: Readers::default() }
    }

    pub(crate) fn run(mut self) {
        loop {
            // Before the last look.
            let over = self.shared.is_over();
            for (path, stream, from) in self.shared.take_found() {
                if let Ok(value) = stream.value() {
                    let followed = Arc::new(Followed { path, value });
                    self.readers.add(Reader { followed, gap: 0 }, stream, from);
                }
            }
            let shared = &self.shared;
            match self.readers.read(RUN, &mut |reader, sample| reader.take(shared, &sample)) {
                true => {}
                false if over => return,
                false => self.readers.wait(TICK),
            }
        }
    }
}

impl Reader {
    fn take(&mut self, shared: &Shared, sample: &AnySample) {
        shared.counters.missed.fetch_add(sample.missed, Ordering::Relaxed);
        self.gap += sample.missed;
        if self.gap > 0 {
            let text = format!("{}: {} samples are missing", self.followed.path, self.gap);
            if shared.queue.push(Item::Mark { time: sample.time, text }) {
                self.gap = 0;
            }
        }
        let (stream, data) = (Arc::clone(&self.followed), sample.data.as_slice().to_vec());
        if !shared.queue.push(Item::Sample { time: sample.time, stream, seq: sample.seq, data }) {
            shared.counters.missed.fetch_add(1, Ordering::Relaxed);
            self.gap += 1;
        }
    }
}
