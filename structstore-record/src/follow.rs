//! The thread of a recording that reads streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use structstore::stream::{AnyCursor, AnyStream, wait_any};

use crate::queue::{Followed, Item};
use crate::recorder::{Shared, TICK};

/// How many samples of a stream are read in a row.
const RUN: usize = 1000;

/// Follows streams.
pub(crate) struct Follow {
    shared: Arc<Shared>,
    streams: Vec<Reader>,
}

struct Reader {
    followed: Arc<Followed>,
    stream: AnyStream,
    cursor: AnyCursor,
    /// How many samples are missing in front of the next one, and are not in the recording as such yet.
    gap: u64,
}

impl Follow {
    pub(crate) fn new(shared: Arc<Shared>) -> Follow {
        Follow { shared, streams: Vec::new() }
    }

    pub(crate) fn run(mut self) {
        loop {
            // Before the last look.
            let over = self.shared.is_over();
            self.take_new();
            let shared = Arc::clone(&self.shared);
            let mut any = false;
            self.streams.retain_mut(|reader| reader.read(&shared, &mut any));
            if over && !any {
                return;
            }
            if any {
                continue;
            }
            let waiting: Vec<_> =
                self.streams.iter().map(|reader| (&reader.stream, reader.cursor.next())).collect();
            if waiting.is_empty() || wait_any(&waiting, Some(TICK)).is_err() {
                thread::sleep(TICK);
            }
        }
    }

    fn take_new(&mut self) {
        for (path, stream, from) in self.shared.take_found() {
            if self.streams.iter().any(|reader| reader.stream.is_same(&stream)) {
                continue;
            }
            if let Ok(value) = stream.value() {
                let (followed, cursor) = (Arc::new(Followed { path, value }), AnyCursor::at(from));
                self.streams.push(Reader { followed, stream, cursor, gap: 0 });
            }
        }
    }
}

impl Reader {
    /// Reads what the stream has published. `false` if it has gone.
    fn read(&mut self, shared: &Shared, any: &mut bool) -> bool {
        for _ in 0..RUN {
            match self.stream.try_next(&mut self.cursor) {
                Ok(Some(sample)) => {
                    *any = true;
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
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
