//! Snapshots: a value as bytes, exact in types and order, independent of where it lay.
//!
//! Magic, version, length of the body, hash of the body, body. In the body each value is a kind byte and what the
//! kind needs; lengths are 64-bit, everything is little-endian. Behind the value follows another one, since version 3: a struct of the metadata
//! of fields, by their paths; and since version 4 a third one, with the versions of the types of structs, by their paths. A snapshot is read back as an ordinary value, so that
//! importing it is an ordinary operation.

use std::borrow::Cow;

use super::{
    ArrayValue, DType, Kind, Meta, SampleValue, Scalar, StreamValue, TypeVersion, Value, decode_scalar,
    deeper, versions_of, versions_value,
};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Path, Result, Step};
use crate::limits::{MAX_DEPTH, MAX_STREAM_DEPTH};

const MAGIC: &[u8; 8] = b"STRUCTIM";
/// Version 1 knew no live arrays, version 2 neither streams nor metadata, version 3 no versions of types.
const VERSION: u64 = 4;
const WITH_METAS: u64 = 3;
const WITH_VERSIONS: u64 = 4;
const HEADER: usize = 32;
/// Flag of the byte that says that an array follows: it is live.
const LIVE: u8 = 0x80;

/// How many samples all streams of a snapshot keep at the most. Each takes memory when the snapshot is restored, although a snapshot of few
/// bytes can ask for many.
const MOST_SAMPLES: u64 = 2 * MAX_STREAM_DEPTH;
/// Bytes of a sample without its data.
const SAMPLE: usize = 16;

/// How deeply metadata nest: a struct of structs, with lists and the defaults of fields.
const FEW_LEVELS: usize = 4;

/// What a snapshot has beyond values.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extras {
    /// Metadata of fields.
    pub(crate) metas: bool,
    /// All samples of streams, not only the newest ones.
    pub(crate) samples: bool,
    /// In place of streams the values of their newest samples.
    pub(crate) newest: bool,
}

/// A snapshot that is being written.
pub(crate) struct SnapshotWriter {
    snapshot: Vec<u8>,
    extras: Extras,
    /// Metadata of fields and versions of structs, by their paths from what was begun last.
    told: Vec<(Path, Told)>,
}

/// What is said of a part beyond its value.
enum Told {
    Meta(Box<Meta>),
    Versions(Vec<TypeVersion>),
}

/// All that a snapshot holds.
pub struct Whole<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Metadata of fields, by their paths.
    pub metas: Vec<(Path, Meta)>,
    /// Versions of the types of structs, by their paths.
    pub versions: Vec<(Path, Vec<TypeVersion>)>,
}

impl<'a> Whole<'a> {
    /// A value, of which nothing more is known.
    pub fn of(value: &'a Value<'_>) -> Whole<'a> {
        Whole { value: value.into(), metas: Vec::new(), versions: Vec::new() }
    }

    /// Reads a snapshot, and checks it to the last byte.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) or [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is damaged.
    pub fn from_bytes(snapshot: &'a [u8]) -> Result<Whole<'a>> {
        decode_whole(snapshot)
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the value nests too deeply.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut snapshot = encode(&self.value);
        let metas = self.metas.iter().map(|(path, meta)| (path, Told::Meta(Box::new(meta.clone()))));
        let versions = self.versions.iter().map(|(path, versions)| (path, Told::Versions(versions.clone())));
        snapshot.told = metas.chain(versions).map(|(path, told)| (path.clone(), told)).collect();
        snapshot.finish()
    }

    /// All of it in a field of this name.
    pub(crate) fn under(mut self, name: &'a str) -> Whole<'a> {
        self.value = Value::record([(name, self.value)]);
        self.metas.iter_mut().for_each(|(path, _)| path.prepend([name.into()]));
        self.versions.iter_mut().for_each(|(path, _)| path.prepend([name.into()]));
        self
    }
}

impl SnapshotWriter {
    pub(crate) fn new(extras: Extras) -> SnapshotWriter {
        SnapshotWriter { snapshot: vec![0; HEADER], extras, told: Vec::new() }
    }

    /// What is wanted beyond values.
    #[inline]
    pub(crate) fn extras(&self) -> Extras {
        self.extras
    }

    /// Adds metadata of the field that is written.
    pub(crate) fn tell(&mut self, meta: Meta) {
        self.told.push((Path::ROOT, Told::Meta(Box::new(meta))));
    }

    /// Adds the versions of the types of the struct that is written.
    pub(crate) fn tell_versions(&mut self, versions: Vec<TypeVersion>) {
        self.told.push((Path::ROOT, Told::Versions(versions)));
    }

    /// How much has been said beyond values so far.
    #[inline]
    pub(crate) fn told(&self) -> usize {
        self.told.len()
    }

    /// Leads to what was said since there was so much of it, through this part of what contains them.
    #[inline]
    pub(crate) fn lead(&mut self, since: usize, part: impl Fn() -> Result<Step>) -> Result<()> {
        for (path, _) in self.told.get_mut(since..).unwrap_or_default() {
            path.prepend(Path::from_iter([part()?]));
        }
        Ok(())
    }

    fn word(&mut self, word: u64) {
        self.snapshot.extend_from_slice(&word.to_le_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        self.snapshot.extend_from_slice(bytes);
    }

    pub(crate) fn null(&mut self) {
        self.snapshot.push(Kind::Null as u8);
    }

    /// A scalar, by its payload in a slot.
    #[inline]
    pub(crate) fn scalar(&mut self, kind: Kind, payload: u64) {
        self.snapshot.push(kind as u8);
        self.word(payload);
    }

    /// A string or bytes.
    pub(crate) fn leaf(&mut self, kind: Kind, bytes: &[u8]) {
        self.snapshot.push(kind as u8);
        self.sized(bytes);
    }

    /// Begins a list of so many items, which follow, or a struct of so many fields, each of which is a name and a value.
    pub(crate) fn begin(&mut self, kind: Kind, count: usize) {
        self.snapshot.push(kind as u8);
        self.word(count as u64);
    }

    #[inline]
    pub(crate) fn name(&mut self, name: &[u8]) {
        self.sized(name);
    }

    /// An array. `data` adds its elements, of which there are as many bytes as announced.
    pub(crate) fn array(
        &mut self,
        dtype: &DType,
        shape: &[usize],
        live: bool,
        bytes: usize,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        self.snapshot.push(Kind::Array as u8 | if live { LIVE } else { 0 });
        self.sized(dtype.descr().as_bytes());
        self.word(dtype.itemsize() as u64);
        self.word(shape.len() as u64);
        shape.iter().for_each(|extent| self.word(*extent as u64));
        self.word(bytes as u64);
        self.snapshot.reserve(bytes);
        data(&mut self.snapshot);
    }

    /// A stream, or the value of its newest sample where that is wanted: its depth, type and shape, the number of samples, time and bytes of each, and metadata as a value.
    pub(crate) fn stream(&mut self, stream: &StreamValue<'_>) {
        if self.extras.newest {
            return self.value(stream.newest_value());
        }
        self.snapshot.push(Kind::Stream as u8);
        self.word(stream.depth());
        self.sized(stream.dtype().descr().as_bytes());
        self.word(stream.dtype().itemsize() as u64);
        self.word(stream.shape().len() as u64);
        stream.shape().iter().for_each(|extent| self.word(*extent as u64));
        self.word(stream.samples().len() as u64);
        for sample in stream.samples() {
            self.word(sample.time);
            self.sized(&sample.data);
        }
        self.value(&stream.metas_value());
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.null(),
            Value::Scalar(scalar) => self.scalar(scalar.kind(), scalar.payload()),
            Value::Str(text) => self.leaf(Kind::Str, text.as_bytes()),
            Value::Bytes(bytes) => self.leaf(Kind::Bytes, bytes),
            Value::List(items) => {
                self.begin(Kind::List, items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Struct(fields) => {
                self.begin(Kind::Struct, fields.len());
                for (name, value) in fields {
                    self.name(name.as_bytes());
                    self.value(value);
                }
            }
            Value::Array(array) => {
                let data = array.data();
                self.array(array.dtype(), array.shape(), array.is_live(), data.len(), |snapshot| {
                    snapshot.extend_from_slice(data);
                });
            }
            Value::Stream(stream) => self.stream(stream),
        }
    }

    /// The snapshot, complete.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if what was written is no value, as a damaged store may hold.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        let told = std::mem::take(&mut self.told);
        let metas = told.iter().filter_map(|(path, told)| match told {
            Told::Meta(meta) => Some((path.to_string(), meta.to_value())),
            Told::Versions(_) => None,
        });
        let versions = told.iter().filter_map(|(path, told)| match told {
            Told::Versions(versions) => Some((path.to_string(), versions_value(versions))),
            Told::Meta(_) => None,
        });
        let (metas, versions) = (Value::record(metas), Value::record(versions));
        self.value(&metas);
        self.value(&versions);
        let body = self.snapshot.get(HEADER..).unwrap_or_default();
        SnapshotReader::new(body, self.snapshot.len()).skip()?;
        let hash = rapidhash::v3::rapidhash_v3(body);
        let words = [u64::from_le_bytes(*MAGIC), VERSION, body.len() as u64, hash];
        let (places, _) = self.snapshot.as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        Ok(self.snapshot)
    }

    /// What was written, to be read by this process.
    pub(crate) fn snapshot(self) -> Snapshot {
        Snapshot { snapshot: self.snapshot }
    }
}

/// A value as a snapshot.
fn encode(value: &Value<'_>) -> SnapshotWriter {
    let mut snapshot = SnapshotWriter::new(Extras::default());
    snapshot.value(value);
    snapshot
}

/// A value in one piece of memory, which takes fewer copies and allocations than a [`Value`] of its own does.
pub struct Snapshot {
    snapshot: Vec<u8>,
}

impl Snapshot {
    /// That of a detached value.
    pub fn of(value: &Value<'_>) -> Snapshot {
        encode(value).snapshot()
    }

    /// Reads it from the start.
    pub fn read(&self) -> SnapshotReader<'_> {
        SnapshotReader::new(self.snapshot.get(HEADER..).unwrap_or_default(), self.snapshot.len())
    }
}

/// The bytes of a snapshot of a detached value.
pub(crate) fn encoded(value: &Value<'_>) -> Result<Vec<u8>> {
    encode(value).finish()
}

/// The value of a snapshot.
pub(crate) fn decode(snapshot: &[u8]) -> Result<Value<'_>> {
    decode_whole(snapshot).map(|whole| whole.value)
}

/// All that a snapshot holds, which is checked to the last byte.
pub(crate) fn decode_whole(snapshot: &[u8]) -> Result<Whole<'_>> {
    let mismatch = |what, found: String, expected: &str| {
        Error::mismatch("the snapshot", what, found, expected.to_owned())
    };
    let Some((header, body)) = snapshot.split_at_checked(HEADER) else {
        return Err(mismatch("its length", format!("{} bytes", snapshot.len()), "at least 32 bytes"));
    };
    let mut header = SnapshotReader::new(header, snapshot.len());
    if header.take(8)? != MAGIC {
        return Err(mismatch("its magic", "another".to_owned(), "STRUCTIM"));
    }
    let (version, length, hash) = (header.word()?, header.word()?, header.word()?);
    if !(1..=VERSION).contains(&version) {
        return Err(mismatch("its version", version.to_string(), "1 to 4"));
    }
    if length != body.len() as u64 {
        return Err(mismatch("its length", body.len().to_string(), &length.to_string()));
    }
    if hash != rapidhash::v3::rapidhash_v3(body) {
        return Err(mismatch("its hash", "another".to_owned(), "the hash of its bytes"));
    }
    let mut reader = SnapshotReader::new(body, snapshot.len());
    let value = reader.value(0)?;
    let mut whole = Whole { value, metas: Vec::new(), versions: Vec::new() };
    if version >= WITH_METAS {
        for (path, meta) in reader.told()? {
            whole.metas.push((path, Meta::from_value(meta)?));
        }
    }
    if version >= WITH_VERSIONS {
        for (path, versions) in reader.told()? {
            whole.versions.push((path, versions_of(versions)?));
        }
    }
    if reader.rest.is_empty() { Ok(whole) } else { Err(reader.broken("bytes behind the value")) }
}

/// Goes through the values of a snapshot.
pub struct SnapshotReader<'a> {
    rest: &'a [u8],
    length: usize,
    /// How many samples the streams that follow may keep.
    room: u64,
}

/// What comes next in a snapshot.
pub enum Event<'a> {
    /// No value.
    Null,
    /// A truth value or a number.
    Scalar(Scalar),
    /// A string.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An array.
    Array(ArrayValue<'a>),
    /// A stream.
    Stream(StreamValue<'a>),
    /// So many items follow.
    List(usize),
    /// So many fields follow, each a name and a value.
    Struct(usize),
}

impl Event<'_> {
    /// What kind of value it is, or begins.
    pub fn kind(&self) -> Kind {
        match self {
            Event::Null => Kind::Null,
            Event::Scalar(scalar) => scalar.kind(),
            Event::Str(_) => Kind::Str,
            Event::Bytes(_) => Kind::Bytes,
            Event::Array(_) => Kind::Array,
            Event::Stream(_) => Kind::Stream,
            Event::List(_) => Kind::List,
            Event::Struct(_) => Kind::Struct,
        }
    }
}

impl<'a> SnapshotReader<'a> {
    fn new(body: &'a [u8], length: usize) -> SnapshotReader<'a> {
        SnapshotReader { rest: body, length, room: MOST_SAMPLES }
    }

    fn broken(&self, found: impl std::fmt::Display) -> Error {
        let at = self.length.saturating_sub(self.rest.len());
        Error::corrupt(format_args!("byte {at} of the snapshot"), found, "a value")
    }

    #[inline(always)]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.broken("the end of the snapshot"))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn exactly<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or_else(|| self.broken("the end of the snapshot"))?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline(always)]
    fn word(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.exactly()?))
    }

    /// A count of things of at least `least` bytes each, of which there cannot be more than bytes are left.
    #[inline(always)]
    fn count(&mut self, least: usize) -> Result<usize> {
        let count = self.word()?;
        match usize::try_from(count) {
            Ok(count) if count.saturating_mul(least) <= self.rest.len() => Ok(count),
            _ => Err(self.broken(format_args!("a count of {count}"))),
        }
    }

    #[inline(always)]
    fn sized(&mut self) -> Result<&'a [u8]> {
        let count = self.count(1)?;
        self.take(count)
    }

    #[inline(always)]
    fn text(&mut self) -> Result<&'a str> {
        let bytes = self.sized()?;
        self.text_of(bytes)
    }

    /// These bytes, which were read, as text.
    #[inline(always)]
    pub fn text_of<'b>(&self, bytes: &'b [u8]) -> Result<&'b str> {
        std::str::from_utf8(bytes).map_err(|_| self.broken("a string that is not UTF-8"))
    }

    /// The name of a field.
    #[inline(always)]
    pub fn name(&mut self) -> Result<&'a str> {
        self.text()
    }

    /// The bytes of the name of a field, which may not be UTF-8: [`Self::text_of`] finds out.
    #[inline(always)]
    pub fn name_bytes(&mut self) -> Result<&'a [u8]> {
        self.sized()
    }

    /// The next value, of a list or struct just its length.
    #[inline(always)]
    pub fn event(&mut self) -> Result<Event<'a>> {
        let [mut code] = self.exactly()?;
        let live = code == Kind::Array as u8 | LIVE;
        if live {
            code = Kind::Array as u8;
        }
        let kind = Kind::of(code).ok_or_else(|| self.broken(format_args!("the kind {code}")))?;
        Ok(match kind {
            Kind::Null => Event::Null,
            Kind::Str => Event::Str(self.text()?),
            Kind::Bytes => Event::Bytes(self.sized()?),
            Kind::List => Event::List(self.count(1)?),
            Kind::Struct => Event::Struct(self.count(9)?),
            Kind::Array if live => Event::Array(self.array()?.live()),
            Kind::Array => Event::Array(self.array()?),
            Kind::Stream => Event::Stream(self.stream()?),
            scalar => {
                let payload = self.word()?;
                let scalar = decode_scalar(scalar, payload)?.filter(|scalar| scalar.payload() == payload);
                Event::Scalar(scalar.ok_or_else(|| self.broken("bits beyond the size of a number"))?)
            }
        })
    }

    /// A type and a shape.
    fn extents(&mut self) -> Result<(DType, Vec<usize>)> {
        let descr = self.text()?;
        let itemsize = self.word()?;
        let itemsize = u32::try_from(itemsize).map_err(|_| self.broken("a huge item size"))?;
        let dtype = DType::parse(descr, itemsize)?;
        let dimensions = self.count(8)?;
        let shape = (0..dimensions).map(|_| Ok(self.word()? as usize)).collect::<Result<_>>()?;
        Ok((dtype, shape))
    }

    fn stream(&mut self) -> Result<StreamValue<'a>> {
        let depth = self.word()?;
        self.room = self.room.checked_sub(depth).ok_or_else(|| self.broken("streams that are too deep"))?;
        let (dtype, shape) = self.extents()?;
        let samples = (0..self.count(SAMPLE)?).map(|_| {
            let time = self.word()?;
            Ok(SampleValue { time, data: self.sized()?.into() })
        });
        let samples = samples.collect::<Result<_>>()?;
        let before = self.rest;
        let metas = self.value(MAX_DEPTH.saturating_sub(FEW_LEVELS))?;
        let written = before.len().saturating_sub(self.rest.len());
        let stream = StreamValue::new(dtype, &shape, depth).and_then(|stream| stream.with_samples(samples));
        let stream = stream.map_err(|_| self.broken(format_args!("a stream of {shape:?}")))?;
        let stream = stream.with_metas_of(metas)?;
        // Each value has one snapshot.
        let again = encode(&stream.metas_value()).snapshot;
        match again.get(HEADER..) == before.get(..written) {
            true => Ok(stream),
            false => Err(self.broken("metadata in another order")),
        }
    }

    fn array(&mut self) -> Result<ArrayValue<'a>> {
        let (dtype, shape) = self.extents()?;
        let array = ArrayValue::new(dtype, &shape, self.sized()?);
        array.map_err(|_| self.broken(format_args!("the shape {shape:?}")))
    }

    /// The next value with all in it. A level takes little stack: what is not nested is read out of line, and errors are boxed.
    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        match self.begin(depth)? {
            (Value::List(mut items), count) => {
                for _ in 0..count {
                    items.push(self.value(depth.saturating_add(1))?);
                }
                Ok(Value::List(items))
            }
            (Value::Struct(mut fields), count) => {
                for _ in 0..count {
                    let name = self.boxed_name()?;
                    fields.push((name, self.value(depth.saturating_add(1))?));
                }
                Ok(Value::Struct(fields))
            }
            (leaf, _) => Ok(leaf),
        }
    }

    /// The next value, of a list or struct an empty one, and how much follows that is in it.
    #[inline(never)]
    fn begin(&mut self, depth: usize) -> Result<(Value<'a>, usize)> {
        Ok(match self.event()? {
            Event::Null => (Value::Null, 0),
            Event::Scalar(scalar) => (Value::Scalar(scalar), 0),
            Event::Str(text) => (Value::Str(Cow::Borrowed(text)), 0),
            Event::Bytes(bytes) => (Value::Bytes(Cow::Borrowed(bytes)), 0),
            Event::Array(array) => (Value::Array(array), 0),
            Event::Stream(stream) => (Value::Stream(stream), 0),
            Event::List(count) => {
                deeper(depth)?;
                (Value::List(Vec::new()), count)
            }
            Event::Struct(count) => {
                deeper(depth)?;
                (Value::Struct(Vec::new()), count)
            }
        })
    }

    #[inline(never)]
    fn boxed_name(&mut self) -> Result<Cow<'a, str>> {
        Ok(Cow::Borrowed(self.name()?))
    }

    /// What is said of parts beyond their values, by their paths.
    fn told(&mut self) -> Result<Vec<(Path, Value<'a>)>> {
        let Value::Struct(parts) = self.value(0)? else { return Err(self.broken("no struct of its parts")) };
        let part = |(path, told): (Cow<'_, str>, Value<'a>)| match path.parse() {
            Ok(path) => Ok((path, told)),
            Err(_) => Err(self.broken("a part without a path")),
        };
        parts.into_iter().map(part).collect()
    }

    /// Leaves out the next value with all in it, which is checked.
    pub fn skip(&mut self) -> Result<()> {
        // How many values are left of what this is in, and whether they have names; and the same of what that is in.
        let (mut inner, mut outer) = ((1_usize, false), Vec::new());
        loop {
            let (left, named) = inner;
            let Some(fewer) = left.checked_sub(1) else {
                match outer.pop() {
                    Some(around) => inner = around,
                    None => return Ok(()),
                }
                continue;
            };
            inner.0 = fewer;
            if named {
                self.name()?;
            }
            let (count, named) = match self.event()? {
                Event::List(count) => (count, false),
                Event::Struct(count) => (count, true),
                _ => continue,
            };
            outer.push(inner);
            inner = (count, named);
        }
    }

    /// Leaves out the next value if that is null, and says so.
    #[inline(always)]
    pub fn null(&mut self) -> Result<bool> {
        match self.rest.split_first() {
            Some((code, rest)) if *code == Kind::Null as u8 => {
                self.rest = rest;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(self.broken("the end of the snapshot")),
        }
    }

    /// How many bytes are left.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot of everything there is, with the hash of whatever its body is.
    fn snapshot() -> Vec<u8> {
        let array = ArrayValue::from_slice(&[2, 3], &[1_u16, 2, 3, 4, 5, 6]).unwrap();
        let structured = DType::structured("[('x', '<f4'), ('y', '<f4')]", 8).unwrap();
        let value = Value::Struct(vec![
            ("null".into(), Value::Null),
            ("flag".into(), Value::from(true)),
            ("small".into(), Value::from(-5_i8)),
            ("list".into(), Value::List(vec![Value::from("text"), Value::Bytes((&[1, 2, 3][..]).into())])),
            ("array".into(), array.into()),
            ("pairs".into(), ArrayValue::new(structured.clone(), &[1], vec![0; 8]).unwrap().into()),
            ("empty".into(), StreamValue::new(DType::of::<u8>(), &[2], 3).unwrap().into()),
            (
                "stream".into(),
                StreamValue::new(structured, &[], 3).unwrap().with_newest(9, vec![1; 8]).unwrap().into(),
            ),
        ]);
        encode(&value).finish().unwrap()
    }

    fn reseal(snapshot: &mut [u8]) {
        let (header, body) = snapshot.split_at_mut(HEADER);
        header[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
        header[24..].copy_from_slice(&rapidhash::v3::rapidhash_v3(body).to_le_bytes());
    }

    #[test]
    fn whatever_an_image_holds_is_a_value_or_an_error() {
        let snapshot = snapshot();
        for at in 0..snapshot.len() {
            assert!(decode(&snapshot[..at]).is_err(), "{at} bytes");
            for bit in 0..8 {
                let mut changed = snapshot.clone();
                changed[at] ^= 1 << bit;
                assert!(decode(&changed).is_err(), "bit {bit} of byte {at}");
            }
            if at < HEADER {
                continue;
            }
            let mut cut = snapshot[..at].to_vec();
            reseal(&mut cut);
            assert!(decode(&cut).is_err(), "{at} bytes");
            for byte in 0..=u8::MAX {
                let mut changed = snapshot.clone();
                changed[at] = byte;
                reseal(&mut changed);
                // Each value has one snapshot.
                if let Ok(value) = decode(&changed) {
                    assert_eq!(encode(&value).finish().unwrap(), changed, "byte {at}: {byte}");
                }
            }
            let mut changed = snapshot.clone();
            changed[at..snapshot.len().min(at + 8)].fill(u8::MAX);
            reseal(&mut changed);
            let _ = decode(&changed);
        }
    }
}
