//! The targets of `cargo xtask fuzz`: functions that take an input and panic on a fault.
//!
//! They are ordinary code, so ordinary tests can replay the inputs that fuzzers found. The target of the command-line tool is in
//! the crate of the tool.

pub mod operations;
pub mod schema;
pub mod segment;
pub mod snapshot;

use structstore::{ArrayValue, Value};

/// Names of fields: few, so that operations affect each other, and one that does not fit into the field itself.
const NAMES: [&str; 6] = ["a", "b", "c", "list", "sub", "a name that does not fit the field itself"];

/// An input, read from its beginning. After its end it yields zeros.
struct Input<'i> {
    rest: &'i [u8],
}

impl<'i> Input<'i> {
    fn new(bytes: &'i [u8]) -> Input<'i> {
        Input { rest: bytes }
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> &'i [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn word(&mut self, size: usize) -> u64 {
        self.take(size).iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    fn byte(&mut self) -> u8 {
        self.word(1) as u8
    }

    /// A number below a limit of at most 256. Another limit at the same place changes the meaning of stored inputs.
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.below(NAMES.len())]
    }

    fn text(&mut self) -> String {
        let length = self.below(64);
        String::from_utf8_lossy(self.take(length)).into_owned()
    }

    /// Any value but NaN, which does not equal itself.
    fn value(&mut self, depth: usize) -> Value<'static> {
        match self.below(if depth < 4 { 20 } else { 18 }) {
            0 => Value::Null,
            1 => Value::from(self.byte() % 2 == 1),
            2 => Value::from(self.byte() as i8),
            3 => Value::from(self.word(2) as i16),
            4 => Value::from(self.word(4) as i32),
            5 => Value::from(self.word(8) as i64),
            6 => Value::from(self.byte()),
            7 => Value::from(self.word(2) as u16),
            8 => Value::from(self.word(4) as u32),
            9 => Value::from(self.word(8)),
            10 => Value::from(self.word(2) as i16 as f32 / 4.0),
            11 => Value::from(self.word(4) as i32 as f64 / 4.0),
            12 | 13 => Value::from(self.text()),
            14 => {
                let length = usize::from(self.byte());
                Value::Bytes(self.take(length).to_vec().into())
            }
            15 => self.array::<u8>(|input| input.byte()),
            16 => self.array::<i32>(|input| input.word(2) as i32),
            17 => self.array::<f64>(|input| f64::from(input.byte()) / 2.0),
            18 => Value::List((0..self.below(5)).map(|_| self.value(depth + 1)).collect()),
            _ => {
                let mut fields: Vec<(&str, Value<'static>)> = Vec::new();
                for _ in 0..self.below(5) {
                    let (name, value) = (self.name(), self.value(depth + 1));
                    if fields.iter().all(|(other, _)| *other != name) {
                        fields.push((name, value));
                    }
                }
                Value::record(fields)
            }
        }
    }

    fn array<T: structstore::traits::Element>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> T,
    ) -> Value<'static> {
        let shape: Vec<usize> = (0..self.below(4)).map(|_| self.below(4)).collect();
        let elements: Vec<T> = (0..shape.iter().product()).map(|_| element(self)).collect();
        let array = ArrayValue::from_slice(&shape, &elements).expect("as many elements as the shape says");
        Value::from(array).into_owned()
    }
}
