//! What a recorder that was killed has left, with the index that it did not write.

use std::fs::{self, File, TryLockError};
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::Path as FilePath;

use mcap::records::{ChunkHeader, MessageIndex, Record};
use mcap::{Attachment, Compression, Message, WriteOptions, Writer};
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::records::{self, Channels, Visitor};

/// Writes a recording anew with all that can be read of it, and with the index that other programs need. The file is replaced when the new
/// one is whole. Returns how many messages it has.
///
/// # Errors
///
/// [`Error::File`] if it cannot be read or written, [`Error::Invalid`] while it is being recorded, [`Error::Damaged`] if it is no MCAP file.
pub fn repair(file: impl AsRef<FilePath>) -> Result<u64> {
    let file = file.as_ref();
    let opened = File::open(file).map_err(Error::file(file))?;
    if matches!(opened.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(Error::Invalid(format!("{}: the recording is still being made", file.display())));
    }
    // SAFETY: as for `Run`.
    let map = unsafe { Mmap::map(&opened) }.map_err(Error::file(file))?;
    if !map.starts_with(mcap::MAGIC) {
        return Err(Error::damaged(file, "this is no MCAP file"));
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".repaired");
    let repaired = file.with_file_name(name);
    let copied = copy(&map, &repaired);
    match copied {
        Ok(messages) => {
            fs::rename(&repaired, file).map_err(Error::file(file))?;
            Ok(messages)
        }
        Err(error) => {
            let _ = fs::remove_file(&repaired);
            Err(error)
        }
    }
}

fn copy(map: &[u8], target: &FilePath) -> Result<u64> {
    let failed = |error| Error::writing(target, error);
    let created = File::options().write(true).create_new(true).open(target).map_err(Error::file(target))?;
    let options = WriteOptions::new().compression(Some(Compression::Zstd)).compression_level(1);
    let writer = options.create(BufWriter::new(created)).map_err(failed)?;
    let mut copy = Copy { writer, channels: Channels::default(), count: 0, done: Ok(()) };
    records::each(map, &mut copy);
    copy.done.map_err(failed)?;
    copy.writer.finish().map_err(failed)?;
    Ok(copy.count)
}

struct Copy {
    writer: Writer<BufWriter<File>>,
    channels: Channels,
    count: u64,
    done: mcap::McapResult<()>,
}

impl Visitor for Copy {
    fn wants(&mut self, _: &ChunkHeader, _: Option<&[MessageIndex]>) -> bool {
        true
    }

    fn visit(&mut self, record: Record<'_>) -> ControlFlow<()> {
        self.done = match record {
            Record::Metadata(metadata) => self.writer.write_metadata(&metadata),
            Record::Attachment { header, data, .. } => {
                let (name, media_type) = (header.name, header.media_type);
                let (log_time, create_time) = (header.log_time, header.create_time);
                self.writer.attach(&Attachment { log_time, create_time, name, media_type, data })
            }
            Record::Message { header, data } => match self.channels.get(header.channel_id) {
                Some(channel) => {
                    self.count += 1;
                    let (log_time, publish_time) = (header.log_time, header.publish_time);
                    let sequence = header.sequence;
                    self.writer.write(&Message { channel, sequence, log_time, publish_time, data })
                }
                None => Ok(()),
            },
            Record::Schema { header, data } => {
                self.channels.add_schema(header, &data);
                Ok(())
            }
            Record::Channel(channel) => {
                self.channels.add_channel(channel);
                Ok(())
            }
            _ => Ok(()),
        };
        if self.done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
