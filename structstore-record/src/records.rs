//! The records of an MCAP file, however damaged it is. See the [format](https://mcap.dev/spec).
//!
//! The file is mapped, and lengths in it are believed only as far as there are bytes: nothing is allocated because a file says so.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use mcap::read::ChannelAccumulator;
use mcap::records::{Channel as ChannelRecord, ChunkHeader, MessageIndex, Record, SchemaHeader, op};
use mcap::{Channel, parse_record};

/// The largest chunk that is decompressed. Writers of this format use some megabytes.
const LARGEST_CHUNK: u64 = 1 << 30;

/// What is wrong with a record.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// What a compressed chunk begins with, whatever its header says.
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// Operation codes, and what the records contain, up to one that is cut.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// Of a whole file.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Frames<'a> {
        Frames(bytes.get(mcap::MAGIC.len()..).unwrap_or_default())
    }

    /// What was not read yet.
    fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// From a place in the file that an index leads to.
    pub(crate) fn from(bytes: &'a [u8], offset: u64) -> Frames<'a> {
        Frames(usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (opcode, rest) = self.0.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some((*opcode, body))
    }
}

/// What a record says.
pub(crate) fn parse(opcode: u8, body: &[u8]) -> Result<Record<'_>> {
    if opcode == op::ATTACHMENT && !has_room_for_attachment(body) {
        return Err("an attachment that is too short".to_owned());
    }
    match parse_record(opcode, body).map_err(|error| error.to_string())? {
        // Another record, whose code is damaged.
        Record::MessageIndex(index) if body.len() != size_of_index(&index) => {
            Err("an index of another size".to_owned())
        }
        record => Ok(record),
    }
}

/// How many bytes an index of messages takes: a channel, a length, and a time and a place for each message.
fn size_of_index(index: &MessageIndex) -> usize {
    const ENTRY: usize = 8 + 8;
    index.records.len().saturating_mul(ENTRY).saturating_add(2 + 4)
}

/// Whether there are as many bytes as the fields of an attachment need: two times, two texts, the length of its data, and a checksum.
fn has_room_for_attachment(body: &[u8]) -> bool {
    let after_text = |rest: &mut &[u8]| {
        let (length, text) = rest.split_first_chunk()?;
        *rest = text.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
        Some(())
    };
    let Some(mut rest) = body.get(16..) else { return false };
    after_text(&mut rest).and_then(|()| after_text(&mut rest)).is_some() && rest.len() >= 12
}

/// The records of a chunk.
fn chunk<'a>(header: &ChunkHeader, data: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let records = match header.compression.as_str() {
        "" => Cow::Borrowed(data),
        "zstd" if header.uncompressed_size <= LARGEST_CHUNK => {
            use std::io::Read;
            // It grows with what is there, not with what the header says.
            let mut records = Vec::new();
            let decoder = zstd::Decoder::with_buffer(data).map_err(|error| error.to_string())?;
            let read = decoder.take(header.uncompressed_size).read_to_end(&mut records);
            read.map_err(|error| format!("a chunk cannot be decompressed: {error}"))?;
            Cow::Owned(records)
        }
        "zstd" => return Err(format!("a chunk of {} bytes", header.uncompressed_size)),
        other => return Err(format!("the compression {other:?} is not known")),
    };
    match header.uncompressed_crc {
        0 => Ok(records),
        sum if sum == crc32fast::hash(&records) => Ok(records),
        _ => Err("the checksum of a chunk is wrong".to_owned()),
    }
}

/// Visits the records of a chunk: schemas, channels and messages, since nothing else belongs into one.
pub(crate) fn each_in_chunk(
    body: &[u8],
    visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let Record::Chunk { header, data } = parse(op::CHUNK, body)? else {
        return Err("an index that leads to no chunk".to_owned());
    };
    let records = chunk(&header, &data)?;
    let mut frames = Frames(&records);
    for (opcode, body) in frames.by_ref() {
        if matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE) && visit(parse(opcode, body)?).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    match frames.rest() {
        [] => Ok(ControlFlow::Continue(())),
        _ => Err("a chunk whose last record is cut".to_owned()),
    }
}

/// The compression of a chunk that this program does not have. A damaged name of one that it has is none.
fn unknown_compression(body: &[u8]) -> Option<String> {
    match parse(op::CHUNK, body) {
        Ok(Record::Chunk { header, data }) if !matches!(header.compression.as_str(), "" | "zstd") => {
            (!data.starts_with(ZSTD)).then_some(header.compression)
        }
        _ => None,
    }
}

/// Who visits a file that has no index.
pub(crate) trait Visitor {
    /// Whether the records of a chunk are wanted. `indexes` says where its messages are, if it is known of all of them.
    fn wants(&mut self, chunk: &ChunkHeader, indexes: Option<&[MessageIndex]>) -> bool;

    /// Takes a record. `offset` is its place in the file, or that of its chunk.
    fn visit(&mut self, record: Record<'_>, offset: u64) -> ControlFlow<()>;

    /// Takes note of what cannot be read.
    fn miss(&mut self, damage: Damage);
}

/// Bytes that cannot be read, in front of records that may be.
pub(crate) struct Damage {
    /// Their place in the file.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Whether they are a chunk.
    pub(crate) is_chunk: bool,
    /// The compression that this program does not have, if that is the reason.
    pub(crate) compression: Option<String>,
}

/// Visits all records in order, those of chunks too. Passes over what cannot be read, as long as records follow it. Returns the rest of the file, behind
/// the last record.
pub(crate) fn each<'b>(bytes: &'b [u8], visitor: &mut dyn Visitor) -> &'b [u8] {
    let mut rest = Frames::of_file(bytes).rest();
    let place = |rest: &[u8]| bytes.len().saturating_sub(rest.len()) as u64;
    // Whether it is worth looking for another chunk.
    let mut has_chunks = true;
    loop {
        let found = split(rest);
        let visited = match found {
            Some(found) if is_known(found.opcode) => visit_one(found, place(rest), visitor),
            _ => Err(None),
        };
        let compression = match visited {
            Ok(Some(behind)) => {
                rest = behind;
                continue;
            }
            Ok(None) => return rest,
            Err(compression) => compression,
        };
        let behind = match found {
            Some(found) if goes_on(found.behind) => Some(found.behind),
            // Its length may be wrong, too.
            _ => {
                let next = if has_chunks { next_chunk(rest) } else { None };
                has_chunks = next.is_some();
                next.or(found.filter(|found| is_known(found.opcode)).map(|found| found.behind))
            }
        };
        let Some(behind) = behind else { return rest };
        let (offset, end) = (place(rest), place(behind));
        let (bytes, is_chunk) = (end.saturating_sub(offset), rest.first() == Some(&op::CHUNK));
        visitor.miss(Damage { offset, bytes, is_chunk, compression });
        rest = behind;
    }
}

/// Visits a record, or those of a chunk. Returns what is behind it, or `None` if the visitor has seen enough. An error names the compression that this
/// program does not have, if that is the reason.
fn visit_one<'b>(
    found: Split<'b>,
    offset: u64,
    visitor: &mut dyn Visitor,
) -> std::result::Result<Option<&'b [u8]>, Option<String>> {
    let record = parse(found.opcode, found.body).map_err(|_| None::<String>)?;
    let (done, behind) = match record {
        Record::Chunk { header, .. } => {
            let (indexes, behind) = message_indexes(found.behind);
            // Behind the last one there may have been others.
            let next = split(behind).filter(|next| next.opcode != op::MESSAGE_INDEX);
            let indexes = next.map(|_| indexes.as_slice());
            if !visitor.wants(&header, indexes) {
                return Ok(Some(behind));
            }
            let done = each_in_chunk(found.body, &mut |record| visitor.visit(record, offset));
            (done.map_err(|_| unknown_compression(found.body))?, behind)
        }
        record => (visitor.visit(record, offset), found.behind),
    };
    Ok(done.is_continue().then_some(behind))
}

/// The indexes behind a chunk, and what is behind them.
fn message_indexes(mut rest: &[u8]) -> (Vec<MessageIndex>, &[u8]) {
    let mut indexes = Vec::new();
    while let Some(found) = split(rest).filter(|found| found.opcode == op::MESSAGE_INDEX)
        && let Ok(Record::MessageIndex(index)) = parse(op::MESSAGE_INDEX, found.body)
    {
        indexes.push(index);
        rest = found.behind;
    }
    (indexes, rest)
}

/// The first record of some bytes.
#[derive(Clone, Copy)]
struct Split<'a> {
    opcode: u8,
    body: &'a [u8],
    behind: &'a [u8],
}

/// The first record, if it is not cut. A chunk says twice how long it is: by its record, and by its header.
fn split(rest: &[u8]) -> Option<Split<'_>> {
    let mut frames = Frames(rest);
    let found = frames.next().map(|(opcode, body)| Split { opcode, body, behind: frames.rest() });
    match found {
        Some(found) if goes_on(found.behind) => Some(found),
        found => chunk_by_header(rest).or(found),
    }
}

/// Where the header of a chunk has the name of the compression: behind two times, a size and a checksum.
const COMPRESSION: usize = 8 + 8 + 8 + 4;

/// A chunk as long as its header says, if other records follow it.
fn chunk_by_header(rest: &[u8]) -> Option<Split<'_>> {
    let (opcode, behind) = rest.split_first()?;
    let body = behind.get(size_of::<u64>()..).filter(|_| *opcode == op::CHUNK)?;
    let (length, _) = body.get(COMPRESSION..)?.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let at = length.checked_add(COMPRESSION + size_of::<u32>())?;
    let (size, _) = body.get(at..)?.split_first_chunk()?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
    let end = at.checked_add(size_of::<u64>())?.checked_add(size)?;
    let (body, behind) = body.split_at_checked(end)?;
    goes_on(behind).then_some(Split { opcode: *opcode, body, behind })
}

/// The bytes from the next compressed chunk on.
fn next_chunk(rest: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"\x04\0\0\0zstd";
    const BEFORE: usize = size_of::<u8>() + size_of::<u64>() + COMPRESSION;
    let names = rest.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME);
    let mut chunks = names.filter_map(|(at, _)| rest.get(at.checked_sub(BEFORE).filter(|at| *at > 0)?..));
    chunks.find(|rest| chunk_by_header(rest).is_some())
}

/// Whether there can be records with this operation code: one of the format, or a private one.
fn is_known(opcode: u8) -> bool {
    matches!(opcode, op::HEADER..=op::DATA_END | 0x80..=u8::MAX)
}

/// Whether bytes begin with a record, or are the end of a file.
fn goes_on(rest: &[u8]) -> bool {
    rest.is_empty() || rest == mcap::MAGIC || Frames(rest).next().is_some_and(|(opcode, _)| is_known(opcode))
}

/// Visits the schemas and channels outside of chunks, which a summary repeats: what the chunks say of them may be damaged.
pub(crate) fn each_channel(bytes: &[u8], visitor: &mut dyn Visitor) {
    for (opcode, body) in Frames::of_file(bytes) {
        if matches!(opcode, op::SCHEMA | op::CHANNEL)
            && let Ok(record) = parse(opcode, body)
            && visitor.visit(record, 0).is_break()
        {
            return;
        }
    }
}

/// How many bytes of schemas and channels are kept, of a file that has no index.
const CHANNELS: usize = 64 << 20;

/// What is wrong with a file that has more.
pub(crate) const TOO_MANY_CHANNELS: &str = "schemas and channels of more than 64 MiB";

/// The channels of a file, as they are found. What contradicts what was said before is left out.
pub(crate) struct Channels {
    found: ChannelAccumulator<'static>,
    schemas: HashSet<u16>,
    room: usize,
    /// Whether there are more than are kept.
    pub(crate) is_full: bool,
}

impl Default for Channels {
    fn default() -> Channels {
        Channels {
            found: ChannelAccumulator::default(),
            schemas: HashSet::new(),
            room: CHANNELS,
            is_full: false,
        }
    }
}

impl Channels {
    pub(crate) fn get(&self, id: u16) -> Option<Arc<Channel<'static>>> {
        self.found.get(id)
    }

    pub(crate) fn add_schema(&mut self, header: SchemaHeader, data: &[u8]) {
        let (id, bytes) = (header.id, header.name.len() + header.encoding.len() + data.len());
        if !self.schemas.contains(&id)
            && self.takes(bytes)
            && self.found.add_schema_from_slice(header, data).is_ok()
        {
            self.schemas.insert(id);
        }
    }

    pub(crate) fn add_channel(&mut self, channel: ChannelRecord) {
        let metadata = channel.metadata.iter().map(|(name, text)| name.len() + text.len());
        let bytes = channel.topic.len() + channel.message_encoding.len() + metadata.sum::<usize>();
        if self.get(channel.id).is_none() && self.takes(bytes) {
            let _ = self.found.add_channel(channel);
        }
    }

    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        self.is_full |= left.is_none();
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(opcode: u8, body: &[u8]) -> Vec<u8> {
        [&[opcode][..], &(body.len() as u64).to_le_bytes(), body].concat()
    }

    fn header(size: usize, crc: u32, compression: &str) -> ChunkHeader {
        ChunkHeader {
            message_start_time: 0,
            message_end_time: 0,
            uncompressed_size: size as u64,
            uncompressed_crc: crc,
            compression: compression.to_owned(),
            compressed_size: size as u64,
        }
    }

    #[test]
    fn a_record_that_is_cut_ends_the_file() {
        let bytes = [record(1, b"one"), record(2, b"two")].concat();
        for cut in 0..=bytes.len() {
            let whole = Frames(&bytes[..cut]).count();
            assert_eq!(
                whole,
                [cut >= 12, cut >= 24].into_iter().filter(|is_whole| *is_whole).count(),
                "{cut}"
            );
        }
        let mut huge = record(1, b"one");
        huge[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Frames(&huge).count(), 0);
        assert_eq!(Frames::from(&bytes, u64::MAX).count(), 0);
    }

    #[test]
    fn a_chunk_has_its_checksum_and_its_size() {
        let data = vec![7; 1000];
        let sum = crc32fast::hash(&data);
        let packed = zstd::encode_all(&*data, 1).unwrap();
        assert_eq!(chunk(&header(1000, sum, ""), &data).unwrap(), data);
        assert_eq!(chunk(&header(1000, sum, "zstd"), &packed).unwrap(), data);
        assert!(chunk(&header(1000, sum + 1, "zstd"), &packed).unwrap_err().contains("checksum"));
        assert!(chunk(&header(999, sum, "zstd"), &packed).unwrap_err().contains("checksum"));
        assert!(chunk(&header(1000, sum, "zstd"), &packed[..5]).is_err());
        assert!(chunk(&header(usize::MAX, 0, "zstd"), &packed).is_err());
        assert!(chunk(&header(1000, sum, "lz4"), &packed).unwrap_err().contains("lz4"));
    }

    /// Notes what it sees.
    #[derive(Default)]
    struct Seen {
        records: Vec<u8>,
        missed: Vec<(u64, bool)>,
    }

    impl Visitor for Seen {
        fn wants(&mut self, _: &ChunkHeader, _: Option<&[MessageIndex]>) -> bool {
            true
        }

        fn visit(&mut self, record: Record<'_>, _: u64) -> ControlFlow<()> {
            self.records.push(record.opcode());
            ControlFlow::Continue(())
        }

        fn miss(&mut self, damage: Damage) {
            self.missed.push((damage.bytes, damage.is_chunk));
        }
    }

    fn seen(bytes: &[u8]) -> (Seen, usize) {
        let mut seen = Seen::default();
        let rest = each(bytes, &mut seen).len();
        (seen, rest)
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let message = record(op::MESSAGE, &[0; 30]);
        let packed = zstd::encode_all(&*message, 1).unwrap();
        let body = [
            &[0; 16][..],
            &(message.len() as u64).to_le_bytes(),
            &crc32fast::hash(&message).to_le_bytes(),
            &4_u32.to_le_bytes(),
            b"zstd",
            &(packed.len() as u64).to_le_bytes(),
            &packed,
        ]
        .concat();
        let one = record(op::CHUNK, &body);
        let file = [mcap::MAGIC, &one, &one, &one].concat();
        assert_eq!((seen(&file).0.records.len(), seen(&file).1), (3, 0));
        let second = mcap::MAGIC.len() + one.len();
        // Whichever byte is damaged, at most one of the chunks is lost, and it is said that it is, unless it was read nevertheless.
        for at in second..second + one.len() {
            for bit in [1, 0x80] {
                let mut file = file.clone();
                file[at] ^= bit;
                let (seen, rest) = seen(&file);
                assert!(seen.records.len() >= 2, "{at}: {:?}", seen.records);
                assert!(seen.records.len() == 3 || !seen.missed.is_empty(), "{at}");
                assert_eq!(rest, 0, "{at}");
            }
        }
        // What is no record ends the file.
        let (found, rest) = seen(&[&*file, &[0; 100]].concat());
        assert_eq!((found.records.len(), found.missed.len(), rest), (3, 0, 100));
        let (found, rest) = seen(&[&*file, &one[..20]].concat());
        assert_eq!((found.records.len(), found.missed.len(), rest), (3, 0, 20));
        let cut = record(op::CHUNK, &body[..body.len() - 4]);
        let (found, rest) = seen(&[mcap::MAGIC, &cut].concat());
        assert_eq!((found.records.len(), found.missed, rest), (0, vec![(cut.len() as u64, true)], 0));
    }

    #[test]
    fn an_attachment_has_all_of_its_fields() {
        let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
        let body =
            [&[0; 16][..], &text("name"), &text("type"), &3_u64.to_le_bytes(), b"abc", &[0; 4]].concat();
        assert!(
            matches!(parse(op::ATTACHMENT, &body), Ok(Record::Attachment { data, .. }) if &*data == b"abc")
        );
        for cut in 0..body.len() {
            assert!(parse(op::ATTACHMENT, &body[..cut]).is_err(), "{cut}");
        }
    }
}
