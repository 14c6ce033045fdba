//! When a black box is saved: comparisons of fields, joined by `and` and `or`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use structstore::Value;
use structstore::path::{Path, Step};

use crate::error::Error;
use crate::value::inner;

/// A condition on fields: `fault == true and drive.speed > 3.5 or mode == "halt"`.
///
/// A comparison is a path, one of `==`, `!=`, `<`, `<=`, `>` and `>=`, and a number, a string, a truth value or null in JSON. `and` binds
/// more tightly than `or`. Numbers are compared by value, whatever their types, and strings by their bytes. A field that is missing
/// equals null; what has no order, such as a number and a string, is unequal, and neither less nor greater.
///
/// ```
/// use structstore_record::Condition;
///
/// let condition: Condition = r#"fault == true and mode != "test""#.parse()?;
/// assert_eq!(condition.to_string(), r#"fault == true and mode != "test""#);
/// assert_eq!("fault = true".parse::<Condition>().unwrap_err().to_string(),
///     "condition: found \"= true\", expected ==, !=, <, <=, > or >=");
/// # Ok::<(), structstore_record::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    /// One of these has to hold, with all of its comparisons.
    any: Vec<Vec<Comparison>>,
}

#[derive(Clone, Debug)]
struct Comparison {
    path: Path,
    holds: Holds,
    value: Value<'static>,
}

/// Whether a comparison holds of two values in this order.
type Holds = fn(Option<Ordering>) -> bool;

/// The longer ones first.
const OPERATORS: [(&str, Holds); 6] = [
    ("==", |order| order == Some(Ordering::Equal)),
    ("!=", |order| order != Some(Ordering::Equal)),
    ("<=", |order| order.is_some_and(Ordering::is_le)),
    (">=", |order| order.is_some_and(Ordering::is_ge)),
    ("<", |order| order.is_some_and(Ordering::is_lt)),
    (">", |order| order.is_some_and(Ordering::is_gt)),
];

impl Condition {
    /// The fields that it is about.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.any.iter().flatten().map(|comparison| &comparison.path)
    }

    fn holds(&self, found: &BTreeMap<Path, Option<Value<'static>>>) -> bool {
        let holds = |comparison: &Comparison| {
            let found = found.get(&comparison.path).and_then(Option::as_ref);
            (comparison.holds)(order(found, &comparison.value))
        };
        self.any.iter().any(|all| all.iter().all(holds))
    }
}

fn order(found: Option<&Value<'_>>, value: &Value<'_>) -> Option<Ordering> {
    match (found.unwrap_or(&Value::Null), value) {
        (Value::Scalar(found), Value::Scalar(value)) => found.partial_cmp(value),
        (Value::Str(found), Value::Str(value)) => Some(found.cmp(value)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

fn expected(rest: &str, expected: &str) -> Error {
    let found: String = rest.chars().take(64).collect();
    Error::Invalid(format!("condition: found {found:?}, expected {expected}"))
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Condition, Error> {
        let (mut any, mut all, mut rest) = (Vec::new(), Vec::new(), text);
        loop {
            let (comparison, after) = comparison(rest)?;
            all.push(comparison);
            rest = after.trim_start();
            if rest.is_empty() {
                any.push(all);
                return Ok(Condition { text: text.trim().to_owned(), any });
            }
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match word {
                "and" => {}
                "or" => any.push(std::mem::take(&mut all)),
                _ => return Err(expected(rest, "`and`, `or`, or the end")),
            }
            rest = after;
        }
    }
}

/// A comparison, and what is behind it.
fn comparison(text: &str) -> Result<(Comparison, &str), Error> {
    let (path, rest) = text.split_at(end_of_path(text));
    if path.trim().is_empty() {
        return Err(expected(text, "the path of a field"));
    }
    let path: Path = path.trim().parse()?;
    let operator = OPERATORS.iter().find_map(|(name, holds)| Some((*holds, rest.strip_prefix(name)?)));
    let (holds, rest) = operator.ok_or_else(|| expected(rest, "==, !=, <, <=, > or >="))?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value<'static>>();
    let value = values.next().and_then(Result::ok);
    let after = rest.get(values.byte_offset()..).unwrap_or_default();
    match value {
        Some(value @ (Value::Scalar(_) | Value::Str(_) | Value::Null)) => {
            Ok((Comparison { path, holds, value }, after))
        }
        _ => Err(expected(rest.trim_start(), "a number, a string, true, false or null in JSON")),
    }
}

/// Where the operator begins. Names in quotes may contain one.
fn end_of_path(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.char_indices().find(|(_, character)| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '=' | '!' | '<' | '>' => return !quoted,
            _ => {}
        }
        false
    });
    end.map_or(text.len(), |(at, _)| at)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A condition, and what its fields are at the moment.
pub(crate) struct Observed {
    condition: Condition,
    found: BTreeMap<Path, Option<Value<'static>>>,
    held: bool,
}

impl Observed {
    pub(crate) fn new(condition: Condition) -> Observed {
        let found = condition.paths().map(|path| (path.clone(), None)).collect();
        Observed { condition, found, held: false }
    }

    /// Whether what is at a path, or below, matters.
    pub(crate) fn concerns(&self, path: &Path) -> bool {
        self.found.keys().any(|wanted| wanted.starts_with(path))
    }

    /// Takes note of what is at a path now.
    pub(crate) fn note(&mut self, path: &Path, value: Option<&Value<'static>>) {
        for (wanted, found) in self.found.iter_mut().filter(|(wanted, _)| wanted.starts_with(path)) {
            let way = wanted.steps().get(path.steps().len()..).unwrap_or_default();
            if value.is_some_and(|value| leads_into_stream(value, way)) {
                // Its samples tell.
                continue;
            }
            *found = value.and_then(|value| inner(value.clone(), way));
        }
    }

    /// Whether the condition has begun to hold since it was asked before.
    pub(crate) fn begins(&mut self) -> bool {
        let held = std::mem::replace(&mut self.held, self.condition.holds(&self.found));
        self.held && !held
    }
}

fn leads_into_stream(value: &Value<'_>, way: &[Step]) -> bool {
    match (value, way.split_first()) {
        (Value::Stream(_), _) => true,
        (Value::Struct(fields), Some((Step::Name(name), rest))) => {
            fields.iter().any(|(field, value)| **field == **name && leads_into_stream(value, rest))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, state: &str) -> bool {
        let mut observed = Observed::new(condition.parse().unwrap());
        observed.note(&Path::ROOT, Some(&serde_json::from_str(state).unwrap()));
        observed.begins()
    }

    #[test]
    fn conditions_compare_values_of_one_kind() {
        for (condition, state, expected) in [
            ("x == 1", r#"{"x": 1.0}"#, true),
            ("x != 1", r#"{"x": 1}"#, false),
            ("x<=1", r#"{"x": 1}"#, true),
            ("x < 1", r#"{"x": 1}"#, false),
            ("x > -1.5e0", r#"{"x": -1}"#, true),
            ("x >= 2", r#"{"x": "2"}"#, false),
            ("x != 2", r#"{"x": "2"}"#, true),
            ("x == null", "{}", true),
            ("x == null", r#"{"x": null}"#, true),
            ("x != null", r#"{"x": 0}"#, true),
            ("x == false", "{}", false),
            (r#"mode >= "b""#, r#"{"mode": "c"}"#, true),
            (
                r#"mode == "a or b" and a.items[1].n == 3"#,
                r#"{"mode": "a or b", "a": {"items": [0, {"n": 3}]}}"#,
                true,
            ),
            (r#""and" == 1 or "x == y".z == true"#, r#"{"x == y": {"z": true}}"#, true),
            ("a == 1 and b == 1 or c == 1", r#"{"a": 1, "b": 0, "c": 1}"#, true),
            ("c == 1 or a == 1 and b == 1", r#"{"a": 1, "b": 0, "c": 0}"#, false),
        ] {
            assert_eq!(holds(condition, state), expected, "{condition} {state}");
        }
    }

    #[test]
    fn what_begins_to_hold_is_told_once() {
        let mut observed = Observed::new("part.x > 1".parse().unwrap());
        let mut note = |path: &str, value: Option<Value<'static>>| {
            observed.note(&path.parse().unwrap(), value.as_ref());
            observed.begins()
        };
        assert!(!note("part.x", Some(1.into())));
        assert!(note("part.x", Some(2.into())));
        assert!(!note("part.x", Some(3.into())));
        assert!(!note("part.y", Some(0.into())));
        assert!(!note("part", None));
        assert!(note("part", Some(Value::record([("x", Value::from(5))]))));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, message) in [
            ("", r#"found "", expected the path"#),
            ("x", r#"found "", expected =="#),
            ("== 3", r#"found "== 3", expected the path"#),
            ("x === 3", r#"found "= 3", expected a number"#),
            ("x == [1]", r#"found "[1]", expected a number"#),
            ("x == yes", r#"found "yes", expected a number"#),
            ("x ==", r#"found "", expected a number"#),
            ("x == 1 xor y == 2", r#"found "xor y == 2", expected `and`, `or`"#),
            ("x == 1 and", r#"found "", expected the path"#),
            ("x..y == 1", "a name; one with dots"),
        ] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
