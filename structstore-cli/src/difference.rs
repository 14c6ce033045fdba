//! The differences of two values.

use std::borrow::Cow;
use std::collections::HashMap;

use structstore::path::{Path, Step};
use structstore::{ArrayValue, Scalar, Value};

/// Of how many elements of two arrays each is a difference of its own.
const ELEMENTS: usize = 8;

/// What is at a path in the one value, and what in the other; at least one of them is something.
pub(crate) struct Difference<'v> {
    pub(crate) path: Path,
    pub(crate) old: Option<Cow<'v, Value<'v>>>,
    pub(crate) new: Option<Cow<'v, Value<'v>>>,
    /// Of arrays of one shape: how many elements differ, and of how many.
    pub(crate) elements: Option<(usize, usize)>,
}

/// Compares values part by part.
pub(crate) struct Comparison<'v> {
    /// Whether numbers of other types are differences.
    types: bool,
    path: Path,
    differences: Vec<Difference<'v>>,
}

impl<'v> Comparison<'v> {
    pub(crate) fn of(
        path: &Path,
        old: Option<&'v Value<'v>>,
        new: Option<&'v Value<'v>>,
        types: bool,
    ) -> Vec<Difference<'v>> {
        let mut comparison = Comparison { types, path: path.clone(), differences: Vec::new() };
        comparison.part(old, new);
        comparison.differences
    }

    fn below(&mut self, step: impl Into<Step>, old: Option<&'v Value<'v>>, new: Option<&'v Value<'v>>) {
        let here = self.path.clone();
        self.path = here.then(step);
        self.part(old, new);
        self.path = here;
    }

    fn part(&mut self, old: Option<&'v Value<'v>>, new: Option<&'v Value<'v>>) {
        let plain = |value: Option<&'v Value<'v>>| match value {
            Some(Value::Stream(stream)) => Some(stream.newest_value()),
            other => other,
        };
        match (plain(old), plain(new)) {
            (Some(Value::Struct(old)), Some(Value::Struct(new))) => {
                let mut others: HashMap<_, _> = new.iter().map(|(name, value)| (name, value)).collect();
                for (name, value) in old {
                    self.below(name, Some(value), others.remove(name));
                }
                for (name, value) in new.iter().filter(|(name, _)| others.contains_key(name)) {
                    self.below(name, None, Some(value));
                }
            }
            (Some(Value::List(old)), Some(Value::List(new))) => {
                for at in 0..old.len().max(new.len()) {
                    self.below(at, old.get(at), new.get(at));
                }
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.arrays(old, new),
            (Some(Value::Array(array)), Some(lists @ Value::List(_))) if !self.types => {
                match ArrayValue::from_lists(array.dtype(), lists) {
                    Ok(other) if is_equal(array, &other) => {}
                    _ => self.add(old, new),
                }
            }
            (Some(lists @ Value::List(_)), Some(Value::Array(array))) if !self.types => {
                match ArrayValue::from_lists(array.dtype(), lists) {
                    Ok(other) if is_equal(&other, array) => {}
                    _ => self.add(old, new),
                }
            }
            (Some(Value::Scalar(old)), Some(Value::Scalar(new))) if self.scalars(*old, *new) => {}
            (Some(one), Some(other)) if one == other && !is_scalar(one) => {}
            (None, None) => {}
            _ => self.add(old, new),
        }
    }

    /// Whether two scalars count as equal.
    fn scalars(&self, old: Scalar, new: Scalar) -> bool {
        if self.types && old.kind() != new.kind() {
            return false;
        }
        match (old, new) {
            // A document has the shortest digits of a float of 32 bits, which are another one of 64.
            (Scalar::F32(float), Scalar::F64(wide)) | (Scalar::F64(wide), Scalar::F32(float)) => {
                float == wide as f32 || float.is_nan() && wide.is_nan()
            }
            _ => old == new || is_nan(old) && is_nan(new),
        }
    }

    fn arrays(&mut self, old: &'v ArrayValue<'v>, new: &'v ArrayValue<'v>) {
        let retyped = old.dtype() != new.dtype() && (self.types || !is_numeric(old) || !is_numeric(new));
        if retyped || old.shape() != new.shape() {
            return self.add_arrays(old, new, None);
        }
        let (Some(ours), Some(theirs)) = (old.numbers(), new.numbers()) else {
            if old.data() != new.data() {
                self.add_arrays(old, new, None);
            }
            return;
        };
        let pairs = || ours.iter().zip(&theirs).enumerate();
        let differ = |one: &Scalar, other: &Scalar| one != other && !(is_nan(*one) && is_nan(*other));
        let count = pairs().filter(|(_, (one, other))| differ(one, other)).count();
        match count {
            0 => {}
            1..=ELEMENTS if !old.shape().is_empty() => {
                for (at, (one, other)) in pairs().filter(|(_, (one, other))| differ(one, other)) {
                    let path = self.path.join(&element(at, old.shape()));
                    let value = |number: &Scalar| Some(Cow::Owned(Value::Scalar(*number)));
                    self.differences.push(Difference {
                        path,
                        old: value(one),
                        new: value(other),
                        elements: None,
                    });
                }
            }
            _ => self.add_arrays(old, new, Some((count, ours.len()))),
        }
    }

    fn add_arrays(
        &mut self,
        old: &'v ArrayValue<'v>,
        new: &'v ArrayValue<'v>,
        elements: Option<(usize, usize)>,
    ) {
        let value = |array: &'v ArrayValue<'v>| Some(Cow::Owned(Value::Array(array.clone())));
        self.differences.push(Difference {
            path: self.path.clone(),
            old: value(old),
            new: value(new),
            elements,
        });
    }

    fn add(&mut self, old: Option<&'v Value<'v>>, new: Option<&'v Value<'v>>) {
        self.differences.push(Difference {
            path: self.path.clone(),
            old: old.map(Cow::Borrowed),
            new: new.map(Cow::Borrowed),
            elements: None,
        });
    }
}

fn is_scalar(value: &Value<'_>) -> bool {
    matches!(value, Value::Scalar(_))
}

fn is_numeric(array: &ArrayValue<'_>) -> bool {
    array.dtype().kind().is_some()
}

fn is_nan(number: Scalar) -> bool {
    match number {
        Scalar::F32(float) => float.is_nan(),
        Scalar::F64(float) => float.is_nan(),
        _ => false,
    }
}

/// Whether two arrays of one type are of one shape, with the same elements.
fn is_equal(old: &ArrayValue<'_>, new: &ArrayValue<'_>) -> bool {
    old.shape() == new.shape() && (old.data() == new.data() || old == new)
}

/// The path from an array to the element at this place in the order of memory.
fn element(at: usize, shape: &[usize]) -> Path {
    let mut rest = at;
    let mut indices: Vec<Step> = shape
        .iter()
        .rev()
        .map(|length| {
            let index = rest.checked_rem(*length).unwrap_or(0);
            rest = rest.checked_div(*length).unwrap_or(0);
            index.into()
        })
        .collect();
    indices.reverse();
    indices.into_iter().collect()
}
