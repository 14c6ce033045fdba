//! What a recorder that was killed has left, with the index that it did not write.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FilePath, PathBuf};

use mcap::records::{ChunkHeader, MessageIndex, Record, op};
use mcap::{Attachment, Compression, Message, Summary, WriteOptions, Writer};
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::records::{self, Channels, Damage, TOO_MANY_CHANNELS, Visitor};

/// What a [`repair`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// How many messages the file has now.
    pub messages: u64,
    /// How many chunks could not be read and were left out.
    pub chunks: u64,
    /// How many bytes of the file were left out: of these chunks, of anything else that could not be read, and of a last record that was cut.
    pub bytes: u64,
    /// Where the file is as it was, if more was left out than a last record that was cut: `run.mcap.damaged`.
    pub original: Option<PathBuf>,
}

/// Writes a recording anew with all that can be read of it, and with the index that other programs need. The file is replaced when the new
/// one is whole, and keeps its permissions. Chunks that are damaged are left out; then the original stays beside the file, as `run.mcap.damaged`.
///
/// # Errors
///
/// An error leaves the file as it is. [`Error::File`] if it cannot be read or written, or if there is a file `run.mcap.repaired` or
/// `run.mcap.damaged` in the way; [`Error::Invalid`] while it is being recorded; [`Error::Damaged`] if it is no MCAP file, has a compression
/// that is not known, or nothing that can be kept.
pub fn repair(file: impl AsRef<FilePath>) -> Result<Repaired> {
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
    let mut repaired = survey(&map, file)?;
    let [new, original] = [".repaired", ".damaged"].map(|suffix| {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        file.with_file_name(name)
    });
    if repaired.original.is_some() {
        if fs::symlink_metadata(&original).is_ok() {
            return Err(Error::file(&original)(io::ErrorKind::AlreadyExists.into()));
        }
        repaired.original = Some(original);
    }
    let permissions = opened.metadata().map_err(Error::file(file))?.permissions();
    let created = File::options().write(true).create_new(true).mode(0o600).open(&new);
    let created = created.map_err(Error::file(&new))?;
    let written = copy(&map, &new, &created)
        .and_then(|()| created.set_permissions(permissions).map_err(Error::file(&new)))
        .and_then(|()| created.sync_all().map_err(Error::file(&new)))
        .and_then(|()| replace(file, &new, repaired.original.as_deref()));
    match written {
        Ok(()) => Ok(repaired),
        Err(error) => {
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

/// Reads all of a file, and says what is going to be left out. The original is wanted if that may be more than what a recorder had not written yet.
fn survey(map: &[u8], file: &FilePath) -> Result<Repaired> {
    let (copy, rest) = Copy::read(map, None);
    if let Some(compression) = copy.compression {
        return Err(Error::damaged(file, format!("the compression {compression:?} is not known")));
    }
    if copy.channels.is_full {
        return Err(Error::damaged(file, TOO_MANY_CHANNELS));
    }
    if copy.count == 0 && copy.attachments == 0 {
        return Err(Error::damaged(file, "nothing in it can be kept"));
    }
    let summary = Summary::read(map).ok().flatten().and_then(|summary| summary.stats);
    let lacks_messages = summary.is_some_and(|stats| stats.message_count > copy.count);
    // A recorder that was killed leaves one record that is cut, and no end.
    let was_finished = map.len() > mcap::MAGIC.len() && map.ends_with(mcap::MAGIC);
    let cut = if rest == mcap::MAGIC { 0 } else { rest.len() as u64 };
    let is_damaged = copy.missed > 0 || lacks_messages || cut > 0 && (was_finished || !is_cut_record(rest));
    Ok(Repaired {
        messages: copy.count,
        chunks: copy.chunks,
        bytes: copy.missed.saturating_add(cut),
        original: is_damaged.then(PathBuf::new),
    })
}

/// Whether this can be the beginning of one record, or of the end of a file.
fn is_cut_record(rest: &[u8]) -> bool {
    match rest.split_first() {
        _ if mcap::MAGIC.starts_with(rest) => true,
        Some((code, rest)) => {
            let length = rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            let is_longer = length.is_none_or(|length| length > rest.len().saturating_sub(8) as u64);
            (op::HEADER..=op::DATA_END).contains(code) && is_longer
        }
        None => true,
    }
}

fn copy(map: &[u8], target: &FilePath, created: &File) -> Result<()> {
    let failed = |error| Error::writing(target, error);
    let options = WriteOptions::new().compression(Some(Compression::Zstd)).compression_level(1);
    let mut writer = options.create(BufWriter::new(created)).map_err(failed)?;
    let (copy, _) = Copy::read(map, Some(&mut writer));
    copy.done.map_err(failed)?;
    writer.finish().map(drop).map_err(failed)
}

/// Puts the new file in the place of the original, which gets another name if it is to stay.
fn replace(file: &FilePath, new: &FilePath, original: Option<&FilePath>) -> Result<()> {
    if let Some(original) = original {
        // Without a moment at which there is no file, where the file system has links.
        match fs::hard_link(file, original) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::file(original)(error));
            }
            Err(_) => fs::rename(file, original).map_err(Error::file(original))?,
            Ok(()) => {}
        }
        sync_folder(file);
    }
    fs::rename(new, file).map_err(Error::file(file))?;
    sync_folder(file);
    Ok(())
}

/// Has what a folder says of its files outlive a loss of power, where the file system can: the original is to have its new name before
/// another file has the old one.
fn sync_folder(file: &FilePath) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(FilePath::new("."))).and_then(|folder| folder.sync_all());
}

type Target<'w> = Writer<BufWriter<&'w File>>;

/// Copies what can be read, or counts it only.
struct Copy<'c, 'w> {
    writer: Option<&'c mut Target<'w>>,
    channels: Channels,
    count: u64,
    attachments: u64,
    /// What cannot be read: chunks, and bytes of all of it.
    chunks: u64,
    missed: u64,
    compression: Option<String>,
    done: mcap::McapResult<()>,
}

impl<'c, 'w> Copy<'c, 'w> {
    /// Reads a file. Returns what follows its last record, too.
    fn read<'m>(map: &'m [u8], writer: Option<&'c mut Target<'w>>) -> (Copy<'c, 'w>, &'m [u8]) {
        let mut copy = Copy {
            writer,
            channels: Channels::default(),
            count: 0,
            attachments: 0,
            chunks: 0,
            missed: 0,
            compression: None,
            done: Ok(()),
        };
        records::each_channel(map, &mut copy);
        let rest = records::each(map, &mut copy);
        (copy, rest)
    }
}

impl Visitor for Copy<'_, '_> {
    fn wants(&mut self, _: &ChunkHeader, _: Option<&[MessageIndex]>) -> bool {
        true
    }

    fn visit(&mut self, record: Record<'_>, _: u64) -> ControlFlow<()> {
        match &record {
            Record::Message { header, data } if self.channels.get(header.channel_id).is_none() => {
                self.missed = self.missed.saturating_add(data.len() as u64).max(1);
                return ControlFlow::Continue(());
            }
            Record::Message { .. } => self.count += 1,
            Record::Attachment { .. } => self.attachments += 1,
            _ => {}
        }
        self.done = match (record, &mut self.writer) {
            (Record::Schema { header, data }, _) => {
                self.channels.add_schema(header, &data);
                Ok(())
            }
            (Record::Channel(channel), _) => {
                self.channels.add_channel(channel);
                Ok(())
            }
            (Record::Metadata(metadata), Some(writer)) => writer.write_metadata(&metadata),
            (Record::Attachment { header, data, .. }, Some(writer)) => {
                let (name, media_type) = (header.name, header.media_type);
                let (log_time, create_time) = (header.log_time, header.create_time);
                writer.attach(&Attachment { log_time, create_time, name, media_type, data })
            }
            (Record::Message { header, data }, Some(writer)) => match self.channels.get(header.channel_id) {
                Some(channel) => {
                    let (log_time, publish_time) = (header.log_time, header.publish_time);
                    let sequence = header.sequence;
                    writer.write(&Message { channel, sequence, log_time, publish_time, data })
                }
                None => Ok(()),
            },
            // Records of other programs.
            (Record::Unknown { opcode, data }, Some(writer)) => {
                writer.write_private_record(opcode, &data, Default::default())
            }
            _ => Ok(()),
        };
        if self.done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn miss(&mut self, damage: Damage) {
        self.chunks += u64::from(damage.is_chunk);
        self.missed = self.missed.saturating_add(damage.bytes);
        if self.compression.is_none() {
            self.compression = damage.compression;
        }
    }
}
