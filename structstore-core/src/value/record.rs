//! Structured element types: what NumPy's `descr` literal says, and records of such types as values.

use std::borrow::Cow;
use std::fmt;

use super::{ArrayValue, DType, Kind, Scalar, Value, decode_scalar, size_in_bytes};

/// How deeply records nest at the most.
const DEEPEST: usize = 32;

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordField {
    /// The name; empty for padding.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The fields of the element type, if it is structured.
    pub fields: Vec<RecordField>,
    /// The shape of a sub-array; empty for one element.
    pub shape: Vec<usize>,
    /// Where the field begins, in bytes from the start of the record.
    pub offset: usize,
}

impl RecordField {
    /// The bytes that the field takes.
    pub fn size(&self) -> usize {
        size_in_bytes(&self.dtype, &self.shape).unwrap_or(0) as usize
    }

    /// Its value in a record, given the record's bytes.
    ///
    /// ```
    /// use structstore::{DType, Value};
    ///
    /// let fields = DType::structured("[('n', '<u2'), ('m', '<u2')]", 4)?.fields().unwrap();
    /// assert_eq!(fields[1].value(&[1, 0, 2, 0]), Value::from(2));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn value<'a>(&self, record: &'a [u8]) -> Value<'a> {
        self.value_in(record, 0)
    }

    fn value_in<'a>(&self, record: &'a [u8], depth: usize) -> Value<'a> {
        let end = self.offset.saturating_add(self.size());
        let data = record.get(self.offset..end).unwrap_or_default();
        part_value(&self.dtype, &self.fields, &self.shape, data, depth)
    }
}

impl DType {
    /// The fields of a structured type, or `None` if its description cannot be read.
    ///
    /// ```
    /// use structstore::DType;
    ///
    /// let dtype = DType::structured("[('t', '<f8'), ('acc', '<f4', (3,))]", 20)?;
    /// let fields = dtype.fields().unwrap();
    /// assert_eq!((fields[1].name.as_str(), fields[1].offset, fields[1].shape.as_slice()), ("acc", 8, &[3][..]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn fields(&self) -> Option<Vec<RecordField>> {
        let (fields, size) = self.described()?;
        (size == self.itemsize()).then_some(fields)
    }

    /// The bytes that the fields of a structured type take together, or `None` if its description cannot be read. In a damaged file, it can be
    /// another number than [`itemsize`](DType::itemsize).
    ///
    /// ```
    /// use structstore::DType;
    ///
    /// let dtype = DType::structured("[('t', '<f8'), ('acc', '<f4', (3,))]", 24)?;
    /// assert_eq!((dtype.itemsize(), dtype.described_size()), (24, Some(20)));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn described_size(&self) -> Option<usize> {
        self.described().map(|(_, size)| size)
    }

    /// What the description says: fields, and how many bytes they take.
    fn described(&self) -> Option<(Vec<RecordField>, usize)> {
        let mut parser = Parser { rest: self.descr() };
        let described = parser.record(0)?;
        parser.rest.trim().is_empty().then_some(described)
    }

    /// The field of records that a path of names leads to, with its place in the record. Not through arrays of records.
    pub(crate) fn find(&self, path: &str) -> Option<RecordField> {
        find(&self.fields()?, path)
    }

    /// The structured type of these fields, one behind the other. A name has no quotes, backslashes or control characters.
    pub(crate) fn of_fields(
        fields: &[(Cow<'static, str>, DType, Vec<usize>)],
    ) -> crate::error::Result<DType> {
        let (mut descr, mut size) = (String::from("["), 0_u64);
        for (name, dtype, shape) in fields {
            if descr.len() > 1 {
                descr.push_str(", ");
            }
            if name.contains(['\'', '\\']) || name.is_empty() {
                let expected = "a name without quotes and backslashes, as a field of samples has";
                return Err(crate::error::Error::invalid("name", name.to_string(), expected));
            }
            descr.push_str(&format!("('{name}', "));
            match dtype.is_structured() {
                true => descr.push_str(dtype.descr()),
                false => descr.push_str(&format!("'{}'", dtype.descr())),
            }
            match shape.as_slice() {
                [] => {}
                [extent] => descr.push_str(&format!(", ({extent},)")),
                extents => {
                    let extents: Vec<String> = extents.iter().map(usize::to_string).collect();
                    descr.push_str(&format!(", ({})", extents.join(", ")));
                }
            }
            descr.push(')');
            size = size.saturating_add(size_in_bytes(dtype, shape)?);
        }
        descr.push(']');
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        DType::structured(&descr, size)
    }
}

/// As [`DType::find`], among fields that were read already.
pub(crate) fn find(mut fields: &[RecordField], path: &str) -> Option<RecordField> {
    let mut offset = 0_usize;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let field = fields.iter().find(|field| field.name == name && !name.is_empty())?;
        offset = offset.saturating_add(field.offset);
        if names.peek().is_none() {
            return Some(RecordField { offset, ..field.clone() });
        }
        if !field.shape.is_empty() {
            return None;
        }
        fields = &field.fields;
    }
    None
}

/// An element type and a shape as messages name them: `f64[3]`, `{t: f64, acc: f32[3]}`.
pub(crate) struct Shown<'a>(pub(crate) &'a DType, pub(crate) &'a [usize]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.is_structured().then(|| self.0.fields()).flatten().unwrap_or_default();
        match fields.is_empty() {
            true => write!(f, "{}", self.0)?,
            false => {
                let named = fields.iter().filter(|field| !field.name.is_empty());
                for (at, RecordField { name, dtype, shape, .. }) in named.enumerate() {
                    let before = if at == 0 { "{" } else { ", " };
                    write!(f, "{before}{name}: {}", Shown(dtype, shape))?;
                }
                f.write_str("}")?;
            }
        }
        if self.1.is_empty() { Ok(()) } else { write!(f, "{:?}", self.1) }
    }
}

/// Reads the literals that NumPy writes: lists, tuples, strings and integers.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches(' ');
        self.rest.chars().next()
    }

    fn take(&mut self, expected: char) -> Option<()> {
        self.peek()?;
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek().filter(|quote| matches!(quote, '\'' | '"'))?;
        self.take(quote)?;
        let (mut text, mut chars) = (String::new(), self.rest.char_indices());
        loop {
            match chars.next()? {
                (at, found) if found == quote => {
                    self.rest = self.rest.get(at..)?;
                    self.take(quote)?;
                    return Some(text);
                }
                (_, '\\') => text.push(chars.next()?.1),
                (_, other) => text.push(other),
            }
        }
    }

    fn integer(&mut self) -> Option<usize> {
        self.peek()?;
        let end = self.rest.find(|digit: char| !digit.is_ascii_digit())?;
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        digits.parse().ok()
    }

    /// A list of fields, with the size of the record.
    fn record(&mut self, depth: usize) -> Option<(Vec<RecordField>, usize)> {
        if depth > DEEPEST {
            return None;
        }
        self.take('[')?;
        let (mut fields, mut offset) = (Vec::new(), 0_usize);
        while self.peek()? != ']' {
            let field = self.field(depth, offset)?;
            offset = offset.checked_add(field.size())?;
            fields.push(field);
            if self.peek()? == ',' {
                self.take(',')?;
            }
        }
        self.take(']')?;
        Some((fields, offset))
    }

    fn field(&mut self, depth: usize, offset: usize) -> Option<RecordField> {
        self.take('(')?;
        let name = match self.peek()? {
            // A title and a name.
            '(' => {
                self.take('(')?;
                self.string()?;
                self.take(',')?;
                let name = self.string()?;
                self.take(')')?;
                name
            }
            _ => self.string()?,
        };
        self.take(',')?;
        let (dtype, fields) = match self.peek()? {
            '[' => {
                let before = self.rest;
                let (fields, size) = self.record(depth.checked_add(1)?)?;
                let length = before.len().checked_sub(self.rest.len())?;
                let size = u32::try_from(size).ok()?;
                (DType::structured(before.get(..length)?, size).ok()?, fields)
            }
            _ => (DType::new(&self.string()?).ok()?, Vec::new()),
        };
        let mut shape = Vec::new();
        if self.peek()? == ',' {
            self.take(',')?;
            match self.peek()? {
                '(' => {
                    self.take('(')?;
                    while self.peek()? != ')' {
                        shape.push(self.integer()?);
                        if self.peek()? == ',' {
                            self.take(',')?;
                        }
                    }
                    self.take(')')?;
                }
                _ => shape.push(self.integer()?),
            }
        }
        self.take(')')?;
        size_in_bytes(&dtype, &shape).ok()?;
        Some(RecordField { name, dtype, fields, shape, offset })
    }
}

/// The value of a sample of this type and shape.
pub(crate) fn sample_value<'a>(dtype: &DType, shape: &[usize], data: &'a [u8]) -> Value<'a> {
    let fields = dtype.is_structured().then(|| dtype.fields()).flatten().unwrap_or_default();
    part_value(dtype, &fields, shape, data, 0)
}

fn part_value<'a>(
    dtype: &DType,
    fields: &[RecordField],
    shape: &[usize],
    data: &'a [u8],
    depth: usize,
) -> Value<'a> {
    if shape.is_empty() {
        return element_value(dtype, fields, data, depth);
    }
    if fields.is_empty() {
        let array = ArrayValue::new(dtype.clone(), shape, data);
        return array.map_or(Value::Bytes(Cow::Borrowed(data)), Value::Array);
    }
    let (_, inner) = shape.split_first().unwrap_or((&0, &[]));
    let size = size_in_bytes(dtype, inner).unwrap_or(0).max(1) as usize;
    let items = data.chunks_exact(size);
    Value::List(items.map(|item| part_value(dtype, fields, inner, item, depth)).collect())
}

fn element_value<'a>(dtype: &DType, fields: &[RecordField], data: &'a [u8], depth: usize) -> Value<'a> {
    if !fields.is_empty() && depth < DEEPEST {
        // Each value takes a byte, so that a sample has no more values than bytes.
        let named = fields.iter().filter(|field| !field.name.is_empty() && field.size() > 0);
        return Value::record(
            named.map(|field| (field.name.clone(), field.value_in(data, depth.saturating_add(1)))),
        );
    }
    let mut word = [0; 8];
    match (dtype.kind(), word.get_mut(..data.len())) {
        (Some(Kind::Bool), _) => Value::Scalar(Scalar::Bool(data.first().is_some_and(|byte| *byte != 0))),
        (Some(kind), Some(start)) => {
            start.copy_from_slice(data);
            let payload = u64::from_le_bytes(word);
            decode_scalar(kind, payload).ok().flatten().map_or(Value::Null, Value::Scalar)
        }
        _ if dtype.descr().starts_with("<U") => {
            let (units, _) = data.as_chunks::<4>();
            let text = units.iter().map(|unit| u32::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
            let text: String =
                text.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            Value::from(text)
        }
        _ if dtype.descr().starts_with("|S") => {
            let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
            let bytes = data.get(..end).unwrap_or(data);
            std::str::from_utf8(bytes).map_or(Value::Bytes(Cow::Borrowed(bytes)), Value::from)
        }
        _ => {
            ArrayValue::new(dtype.clone(), &[], data).map_or(Value::Bytes(Cow::Borrowed(data)), Value::Array)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_as_numpy_writes_them() {
        let cases = [
            ("[('a', '<f8')]", 8, Some(1)),
            ("[('a', '<f8'), ('', '|V4'), ('b', '<i4', (2, 3))]", 36, Some(3)),
            ("[('pose', [('x', '<f8'), ('y', '<f8')], (2,)), ('ok', '|b1')]", 33, Some(2)),
            ("[(('title', 'name'), '<i2')]", 2, Some(1)),
            ("[(\"it's\", '<i2')]", 2, Some(1)),
            ("[('a', '<f8')]", 9, None),
            ("[('a', '<f8'", 8, None),
            ("[('a', '<f8')] ('b')", 8, None),
            ("[('a', '|O8')]", 8, None),
            ("[('a', '<f8', (99999999999, 99999999999))]", 8, None),
        ];
        for (descr, size, fields) in cases {
            let dtype = DType::structured(descr, size).unwrap();
            assert_eq!(dtype.fields().map(|fields| fields.len()), fields, "{descr}");
        }
        let nested = format!("{}{}", "[('a', ".repeat(100), "'<i1'".to_owned() + &")]".repeat(100));
        assert_eq!(DType::structured(&nested, 1).unwrap().fields(), None);
    }

    #[test]
    fn records_are_values() {
        let part = |name: &'static str, dtype, shape: &[usize]| (name.into(), dtype, shape.to_vec());
        let pose =
            DType::of_fields(&[part("x", DType::of::<f64>(), &[]), part("q", DType::of::<i16>(), &[2])]);
        let fields = [part("mode", DType::new("<U4").unwrap(), &[]), part("poses", pose.unwrap(), &[2])];
        let dtype = DType::of_fields(&fields).unwrap();
        assert_eq!(dtype.descr(), "[('mode', '<U4'), ('poses', [('x', '<f8'), ('q', '<i2', (2,))], (2,))]");
        let mut data = Vec::new();
        "on".chars().for_each(|char| data.extend_from_slice(&u32::from(char).to_le_bytes()));
        data.resize(16, 0);
        for at in 0..2_i16 {
            data.extend_from_slice(&f64::from(at).to_le_bytes());
            data.extend_from_slice(&[at.to_le_bytes(), (-at).to_le_bytes()].concat());
        }
        assert_eq!(
            sample_value(&dtype, &[], &data).to_string(),
            r#"{"mode": "on", "poses": [{"x": 0.0, "q": [0, 0]}, {"x": 1.0, "q": [1, -1]}]}"#
        );
    }
}
