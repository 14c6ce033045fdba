//! Paths from the root of a store to its values.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;

use super::escape::{quoted, unescape};
use super::{Error, ErrorKind};

/// The path from a struct, usually the root, to a value below it: `camera.lenses[2]."f.number"`.
///
/// Dots separate names, and indices stand in brackets. A name that contains a dot, a bracket, a quote, a backslash or a control
/// character is written in double quotes, with the escapes of JSON; any other name may be, too. Several indices may share brackets:
/// `image[0, 5]` is `image[0][5]`. The empty path leads to the root.
///
/// ```
/// use structstore::path::{Path, Step};
///
/// let path: Path = r#"camera.lenses[2]."f.number""#.parse()?;
/// assert_eq!(path.steps()[1..3], [Step::from("lenses"), Step::from(2)]);
/// assert_eq!(path.parent().unwrap().to_string(), "camera.lenses[2]");
/// assert!("camera..lenses".parse::<Path>().is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Path(Vec<Step>);

/// A type that names a value by its path: a [`Path`], or the text of one.
///
/// ```
/// use structstore::StructStore;
/// use structstore::path::Path;
///
/// let store = StructStore::new();
/// store.ensure_struct("camera")?.set("exposure", 0.01)?;
/// let path = Path::ROOT.then("camera").then("exposure");
/// assert_eq!(store.get_at::<f64>(&path)?, store.get_at::<f64>("camera.exposure")?);
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait ToPath {
    /// The path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if it is text and no path.
    fn to_path(&self) -> Result<Cow<'_, Path>, Error>;

    /// The text, if it is that: it may be read step by step.
    #[doc(hidden)]
    fn as_text(&self) -> Option<&str> {
        None
    }
}

impl ToPath for Path {
    fn to_path(&self) -> Result<Cow<'_, Path>, Error> {
        Ok(Cow::Borrowed(self))
    }
}

impl ToPath for str {
    fn to_path(&self) -> Result<Cow<'_, Path>, Error> {
        self.parse().map(Cow::Owned)
    }

    #[inline(always)]
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl ToPath for String {
    fn to_path(&self) -> Result<Cow<'_, Path>, Error> {
        self.as_str().to_path()
    }

    #[inline(always)]
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<P: ToPath + ?Sized> ToPath for &P {
    fn to_path(&self) -> Result<Cow<'_, Path>, Error> {
        (**self).to_path()
    }

    #[inline(always)]
    fn as_text(&self) -> Option<&str> {
        (**self).as_text()
    }
}

/// One step of a [`Path`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// To the field of this name.
    Name(Box<str>),
    /// To the item or element at this index.
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Step {
        Step::Name(name.into())
    }
}

impl From<&String> for Step {
    fn from(name: &String) -> Step {
        Step::Name(name.as_str().into())
    }
}

impl From<&Cow<'_, str>> for Step {
    fn from(name: &Cow<'_, str>) -> Step {
        Step::Name((&**name).into())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Step {
        Step::Index(index)
    }
}

/// One step of a path that is read where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part<'p> {
    Name(Cow<'p, str>),
    Index(usize),
}

impl From<Part<'_>> for Step {
    fn from(part: Part<'_>) -> Step {
        match part {
            Part::Name(name) => Step::Name(name.into()),
            Part::Index(index) => Step::Index(index),
        }
    }
}

impl Path {
    /// The path to the root.
    pub const ROOT: Path = Path(Vec::new());

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this leads to the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path of what has the last step; `None` for the root.
    pub fn parent(&self) -> Option<Path> {
        let (_, way) = self.0.split_last()?;
        Some(Path(way.to_vec()))
    }

    /// The path to what `further` leads to from here.
    pub fn join(&self, further: &Path) -> Path {
        Path([self.0.as_slice(), &further.0].concat())
    }

    /// The path to a field, an item or an element of what this leads to.
    pub fn then(&self, step: impl Into<Step>) -> Path {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Path(steps)
    }

    /// The path of the field that this leads to, or leads into: that up to the first index.
    ///
    /// ```
    /// use structstore::path::Path;
    ///
    /// let path: Path = "camera.lenses[2].focus".parse()?;
    /// assert_eq!(path.field(), "camera.lenses");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn field(&self) -> Path {
        self.0.iter().take_while(|step| matches!(step, Step::Name(_))).cloned().collect()
    }

    /// Whether this leads to what `other` leads to, or to something below it.
    pub fn starts_with(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }

    pub(crate) fn push(&mut self, step: impl Into<Step>) {
        self.0.push(step.into());
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// The path of the same below what `step` leads to.
    pub(crate) fn under(mut self, step: impl Into<Step>) -> Path {
        self.prepend([step.into()]);
        self
    }

    /// For messages: the root, which has no name, as `(root)`.
    pub(crate) fn shown(&self) -> impl fmt::Display + '_ {
        Shown(self)
    }

    /// Puts steps in front.
    pub(crate) fn prepend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.0.splice(..0, steps);
    }

    /// The parts of a path, read one by one.
    pub(crate) fn parts(text: &str) -> Parts<'_> {
        Parts { text, rest: text, begun: false, inside: false }
    }
}

impl IntoIterator for Path {
    type Item = Step;
    type IntoIter = std::vec::IntoIter<Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Path {
        Path(steps.into_iter().collect())
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Path, Error> {
        Path::parts(text).map(|part| part.map(Step::from)).collect()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) => {
                    if at > 0 {
                        f.write_char('.')?;
                    }
                    f.write_str(&quoted(name))?;
                }
            }
        }
        Ok(())
    }
}

struct Shown<'p>(&'p Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() { f.write_str("(root)") } else { self.0.fmt(f) }
    }
}

/// Whether the path is printed so.
impl PartialEq<str> for Path {
    fn eq(&self, printed: &str) -> bool {
        let mut rest = Rest(printed);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

impl PartialEq<&str> for Path {
    fn eq(&self, printed: &&str) -> bool {
        *self == **printed
    }
}

/// What is still to be written.
struct Rest<'p>(&'p str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// The parts of a path; ends at what cannot be read.
pub(crate) struct Parts<'p> {
    text: &'p str,
    rest: &'p str,
    begun: bool,
    /// Whether a bracket is open, in which another index follows.
    inside: bool,
}

impl<'p> Iterator for Parts<'p> {
    type Item = Result<Part<'p>, Error>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.part();
        self.begun = true;
        Some(part.map_err(|expected| self.malformed(expected)))
    }
}

impl<'p> Parts<'p> {
    #[cold]
    fn malformed(&mut self, expected: &'static str) -> Error {
        self.rest = "";
        Error::new(ErrorKind::InvalidArgument)
            .about("path")
            .finding(format!("{:?}", self.text.chars().take(64).collect::<String>()))
            .expecting(expected)
    }

    /// The next part, or what was expected in its place.
    #[inline(always)]
    fn part(&mut self) -> Result<Part<'p>, &'static str> {
        let bracket = if self.inside { ',' } else { '[' };
        if let Some(after) = self.rest.strip_prefix(bracket) {
            let end = after.find([',', ']']).ok_or("a closing bracket")?;
            let (index, after) = after.split_at_checked(end).unwrap_or_default();
            let index = if self.inside { index.trim_start_matches(' ') } else { index };
            let digits = !index.is_empty() && index.bytes().all(|digit| digit.is_ascii_digit());
            let index = index.parse().ok().filter(|_| digits).ok_or("an index within the brackets")?;
            self.inside = after.starts_with(',');
            self.rest = after.strip_prefix(']').unwrap_or(after);
            return Ok(Part::Index(index));
        }
        if self.begun {
            self.rest = self.rest.strip_prefix('.').ok_or("a dot or a bracket behind each name or index")?;
        }
        let (name, after) = if self.rest.starts_with('"') {
            unescape(self.rest).ok_or("a closing quote, and no escapes but those of JSON")?
        } else {
            // Byte by byte: in UTF-8, an ASCII byte is never a part of another character.
            let is_end = |byte| matches!(byte, b'.' | b'[' | b']' | b'"');
            let end = self.rest.bytes().position(is_end).unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
            (Cow::Borrowed(name), after)
        };
        if name.is_empty() {
            return Err("a name; one with dots or brackets is written in double quotes");
        }
        self.rest = after;
        Ok(Part::Name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<Vec<Step>, String> {
        text.parse::<Path>().map(|path| path.0).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_are_read_as_they_are_printed() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec![Step::from("a")]),
            ("a.b[2].c", vec!["a".into(), "b".into(), 2.into(), "c".into()]),
            ("[7]", vec![7.into()]),
            ("a[0][1]", vec!["a".into(), 0.into(), 1.into()]),
            (
                r#"two words."f.number"."say \"no\"\n""#,
                vec!["two words".into(), "f.number".into(), "say \"no\"\n".into()],
            ),
            (r#""\u001b[2J"[3]"#, vec!["\u{1b}[2J".into(), 3.into()]),
        ] {
            assert_eq!(steps(text).as_deref(), Ok(expected.as_slice()), "{text}");
            let path = Path(expected);
            assert_eq!(path.to_string(), text);
            assert!(path == text && path != *"x" && path != format!("{text}x").as_str());
        }
        assert_eq!(steps(r#""plain""#), Ok(vec!["plain".into()]));
        for text in ["a[1,2][3].b", "a[1, 2,3].b"] {
            assert_eq!(steps(text), Ok(vec!["a".into(), 1.into(), 2.into(), 3.into(), "b".into()]), "{text}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in [
            ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a[+1]", "a[]", "a[0]b", "a]", "a[1,", "a[1,]",
            "a[,1]", "a[1,2", "a[1 ,2]", "a[ 1]", "\"a", "\"a\"b", "a\"b\"", "[0].", "\"\\x\"", "\"\"",
        ] {
            assert!(steps(text).is_err(), "{text}");
        }
        let error = steps("a..b").unwrap_err();
        assert_eq!(
            error,
            "path: found \"a..b\", expected a name; one with dots or brackets is written in double quotes"
        );
    }

    #[test]
    fn errors_print_paths_that_can_be_read() {
        for name in ["a.b", "c[0]", "say \"no\"", "\u{1b}", "plain one", "back\\slash"] {
            let error = Error::new(ErrorKind::NotFound).under("x.y").under(name);
            let printed = error.path().unwrap().to_string();
            assert_eq!(steps(&printed), Ok(vec![name.into(), "x.y".into()]));
        }
    }
}
