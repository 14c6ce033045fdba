//! What is shown to people: nothing in it controls how they see the rest.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// A name as paths show it: in double quotes, with the escapes of JSON, where it would otherwise be read as something else
/// or would control the terminal.
pub fn quoted(name: &str) -> Cow<'_, str> {
    let special = |c| matches!(c, '.' | '[' | ']' | '"' | '\\') || is_unprintable(c);
    if name.is_empty() || name.contains(special) { escaped(name).into() } else { name.into() }
}

/// A string in double quotes, with the escapes of JSON.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len().saturating_add(2));
    // Strings take whatever is written.
    let _ = write_escaped(&mut escaped, text);
    escaped
}

/// Writes it.
pub(crate) fn write_escaped(target: &mut impl Write, text: &str) -> fmt::Result {
    target.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => target.write_str("\\\"")?,
            '\\' => target.write_str("\\\\")?,
            '\n' => target.write_str("\\n")?,
            '\r' => target.write_str("\\r")?,
            '\t' => target.write_str("\\t")?,
            // All of these lie in the first plane, so that one escape says them.
            other if is_unprintable(other) => write!(target, "\\u{:04x}", other as u32)?,
            other => target.write_char(other)?,
        }
    }
    target.write_char('"')
}

/// Whether a character controls how others are shown: control codes, line separators, directions, marks without width.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A string with escapes in place of what controls a terminal, but for line breaks and tabs.
pub fn printable(text: &str) -> Cow<'_, str> {
    let unprintable = |character: char| is_unprintable(character) && !matches!(character, '\n' | '\t');
    if !text.contains(unprintable) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(8));
    for character in text.chars() {
        match unprintable(character) {
            true => escaped.extend(character.escape_unicode()),
            false => escaped.push(character),
        }
    }
    escaped.into()
}

/// The same on one line.
pub fn line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// The string in the quotes that `text` begins with, and what follows; `None` if it is not one in JSON.
pub(super) fn unescape(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = inner.find(['"', '\\'])?;
    let (plain, mut rest) = inner.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((plain.into(), rest));
    }
    let mut name = plain.to_owned();
    loop {
        let character = rest.chars().next()?;
        rest = rest.get(character.len_utf8()..)?;
        match character {
            '"' => return Some((name.into(), rest)),
            '\\' => {
                let (character, after) = escape(rest)?;
                name.push(character);
                rest = after;
            }
            character => name.push(character),
        }
    }
}

/// The character that an escape stands for, behind its backslash, and what follows.
fn escape(text: &str) -> Option<(char, &str)> {
    let code = text.chars().next()?;
    let rest = text.get(code.len_utf8()..)?;
    let character = match code {
        '"' | '\\' | '/' => code,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unit(rest).and_then(|(first, rest)| paired(first, rest)),
        _ => return None,
    };
    Some((character, rest))
}

/// Four hexadecimal digits.
fn unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?, rest))
}

/// The character of one unit of UTF-16, or of two.
fn paired(first: u16, rest: &str) -> Option<(char, &str)> {
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_as_escapes() {
        assert_eq!(printable("a\u{1b}[2Jb\n\tc\u{9b}\u{202e}"), "a\\u{1b}[2Jb\n\tc\\u{9b}\\u{202e}");
        assert!(matches!(printable("größe 世界"), Cow::Borrowed(_)));
        assert_eq!(line("a\nb"), "a\\nb");
    }

    #[test]
    fn names_that_would_be_misread_are_quoted() {
        for plain in ["num", "two words", "größe", "ключ", "1", "a-b", "'"] {
            assert_eq!(quoted(plain), plain);
        }
        for (name, shown) in [
            ("", r#""""#),
            ("a.b", r#""a.b""#),
            ("a[0]", r#""a[0]""#),
            ("say \"no\"", r#""say \"no\"""#),
            ("back\\slash", r#""back\\slash""#),
            ("\u{1b}[2J\n", r#""\u001b[2J\n""#),
            ("a\u{202e}b", r#""a\u202eb""#),
        ] {
            assert_eq!(quoted(name), shown);
            assert_eq!(unescape(shown), Some((name.into(), "")));
        }
    }

    #[test]
    fn escapes_of_json_are_read() {
        let read = |text| unescape(text).map(|(name, rest)| (name.into_owned(), rest));
        assert_eq!(
            read(r#""a\/\b\f\r\t\u00e4\ud83e\udd80"[0]"#),
            Some(("a/\u{8}\u{c}\r\tä🦀".into(), "[0]"))
        );
        for broken in ["", "a", "\"a", r#""\"#, r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\ud83e""#] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
