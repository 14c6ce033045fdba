//! The records of an MCAP file, however damaged it is. See the [format](https://mcap.dev/spec).
//!
//! The file is mapped, and lengths in it are believed only as far as there are bytes: nothing is allocated because a file says so.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use mcap::read::ChannelAccumulator;
use mcap::records::{Channel as ChannelRecord, ChunkHeader, MessageIndex, Record, SchemaHeader, op};
use mcap::{Channel, parse_record};

/// The largest chunk that is decompressed. Writers of this format use some megabytes.
const LARGEST_CHUNK: u64 = 1 << 30;

/// What is wrong with a record.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// Operation codes, and what the records contain, up to one that is cut.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// Of a whole file.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Frames<'a> {
        Frames(bytes.get(mcap::MAGIC.len()..).unwrap_or_default())
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
    parse_record(opcode, body).map_err(|error| error.to_string())
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
    for (opcode, body) in Frames(&records) {
        if matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE) && visit(parse(opcode, body)?).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Who visits a file that has no index.
pub(crate) trait Visitor {
    /// Whether the records of a chunk are wanted. `indexes` says where its messages are, if it is known of all of them.
    fn wants(&mut self, chunk: &ChunkHeader, indexes: Option<&[MessageIndex]>) -> bool;

    fn visit(&mut self, record: Record<'_>) -> ControlFlow<()>;
}

/// Visits all records in order, those of chunks too, up to the first that cannot be read.
pub(crate) fn each(bytes: &[u8], visitor: &mut dyn Visitor) {
    let mut frames = Frames::of_file(bytes).peekable();
    while let Some((opcode, body)) = frames.next() {
        let done = match parse(opcode, body) {
            Ok(Record::Chunk { header, .. }) => {
                let mut indexes = Vec::new();
                while let Some((_, body)) = frames.next_if(|(opcode, _)| *opcode == op::MESSAGE_INDEX) {
                    if let Ok(Record::MessageIndex(index)) = parse(op::MESSAGE_INDEX, body) {
                        indexes.push(index);
                    }
                }
                // Behind the last one there may have been others.
                let indexes = frames.peek().map(|_| indexes.as_slice());
                if !visitor.wants(&header, indexes) {
                    continue;
                }
                each_in_chunk(body, &mut |record| visitor.visit(record))
            }
            parsed => parsed.map(|record| visitor.visit(record)),
        };
        if !matches!(done, Ok(ControlFlow::Continue(()))) {
            return;
        }
    }
}

/// How many bytes of schemas and channels are kept, of a file that has no index.
const CHANNELS: usize = 64 << 20;

/// The channels of a file, as they are found. What contradicts what was said before is left out.
pub(crate) struct Channels {
    found: ChannelAccumulator<'static>,
    room: usize,
}

impl Default for Channels {
    fn default() -> Channels {
        Channels { found: ChannelAccumulator::default(), room: CHANNELS }
    }
}

impl Channels {
    pub(crate) fn get(&self, id: u16) -> Option<Arc<Channel<'static>>> {
        self.found.get(id)
    }

    pub(crate) fn add_schema(&mut self, header: SchemaHeader, data: &[u8]) {
        if self.takes(header.name.len() + header.encoding.len() + data.len()) {
            let _ = self.found.add_schema_from_slice(header, data);
        }
    }

    pub(crate) fn add_channel(&mut self, channel: ChannelRecord) {
        let metadata = channel.metadata.iter().map(|(name, text)| name.len() + text.len());
        if self.takes(channel.topic.len() + channel.message_encoding.len() + metadata.sum::<usize>()) {
            let _ = self.found.add_channel(channel);
        }
    }

    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
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
