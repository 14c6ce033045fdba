//! A recording that was not finished, which has no index: all of it is looked through.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use mcap::records::{ChunkHeader, MessageIndex, Record};

use super::topic::Topic;
use super::{About, State};
use crate::file::{METADATA, STATE};
use crate::records::{self, Channels, Damage, TOO_MANY_CHANNELS, Visitor};

/// What is found in a recording that was not finished.
#[derive(Default)]
pub(super) struct Scan {
    channels: Channels,
    pub(super) topics: HashMap<u16, Topic>,
    pub(super) states: Vec<State>,
    pub(super) span: Option<(u64, u64)>,
    pub(super) about: About,
    /// The places of chunks that cannot be read.
    pub(super) missed: BTreeSet<u64>,
}

impl Scan {
    /// Looks through all of a file.
    pub(super) fn of(file: &[u8]) -> Result<Scan, &'static str> {
        let mut scan = Scan::default();
        records::each_channel(file, &mut scan);
        records::each(file, &mut scan);
        if scan.channels.is_full {
            return Err(TOO_MANY_CHANNELS);
        }
        scan.topics.retain(|_, topic| topic.messages > 0);
        Ok(scan)
    }

    fn count(&mut self, channel: u16, time: u64) {
        if let Some(topic) = self.topics.get_mut(&channel) {
            topic.messages += 1;
            let (start, end) = self.span.unwrap_or((time, time));
            self.span = Some((start.min(time), end.max(time)));
        }
    }
}

impl Visitor for Scan {
    /// Its messages are counted without it, if it says nothing new of channels.
    fn wants(&mut self, _: &ChunkHeader, indexes: Option<&[MessageIndex]>) -> bool {
        let is_known = |index: &MessageIndex| self.channels.get(index.channel_id).is_some();
        // A chunk without indexes may have messages all the same: other programs leave them out.
        let known = indexes.filter(|indexes| !indexes.is_empty() && indexes.iter().all(is_known));
        let Some(indexes) = known else { return true };
        for index in indexes {
            index.records.iter().for_each(|entry| self.count(index.channel_id, entry.log_time));
        }
        false
    }

    fn visit(&mut self, record: Record<'_>, offset: u64) -> ControlFlow<()> {
        match record {
            Record::Schema { header, data } => self.channels.add_schema(header, &data),
            Record::Channel(channel) => {
                let id = channel.id;
                self.channels.add_channel(channel);
                if let (Some(channel), false) = (self.channels.get(id), self.topics.contains_key(&id)) {
                    self.topics.extend(Topic::new(&channel).map(|topic| (id, topic)));
                }
            }
            Record::Message { header, .. } => self.count(header.channel_id, header.log_time),
            Record::Attachment { header, .. } if header.name == STATE => {
                self.states.push(State { time: header.log_time, offset });
            }
            Record::Metadata(metadata) if metadata.name == METADATA => self.about = About::new(&metadata),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn miss(&mut self, damage: Damage) {
        note(damage, &mut self.missed);
    }
}

/// Takes note of a chunk that cannot be read.
fn note(damage: Damage, missed: &mut BTreeSet<u64>) {
    if damage.is_chunk {
        missed.insert(damage.offset);
    }
}

/// Visits what has messages of a span of time, both ends included. Returns the places of chunks that cannot be read.
pub(super) fn each_within(
    file: &[u8],
    (from, until): (u64, u64),
    visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> BTreeSet<u64> {
    let mut span = Span { from, until, visit, missed: BTreeSet::new() };
    records::each(file, &mut span);
    span.missed
}

struct Span<'v> {
    from: u64,
    until: u64,
    visit: &'v mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    missed: BTreeSet<u64>,
}

impl Visitor for Span<'_> {
    fn wants(&mut self, chunk: &ChunkHeader, _: Option<&[MessageIndex]>) -> bool {
        chunk.message_end_time >= self.from && chunk.message_start_time <= self.until
    }

    fn visit(&mut self, record: Record<'_>, _: u64) -> ControlFlow<()> {
        (self.visit)(record)
    }

    fn miss(&mut self, damage: Damage) {
        note(damage, &mut self.missed);
    }
}
