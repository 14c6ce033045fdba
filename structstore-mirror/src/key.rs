//! The keys that a mirror uses: `structstore/1/NAME/@p/PART/@delta`.
//!
//! Chunks that begin with `@` match no wildcard, so the traffic of mirrors stays out of what others subscribe to.

use std::fmt::Write;

use structstore::path::Path;

use crate::protocol::VERSION;

/// The keys of one part of a store.
#[derive(Clone, Debug)]
pub(crate) struct Keys(String);

impl Keys {
    pub(crate) fn new(name: &str, part: &Path) -> Keys {
        let part = if part.is_root() { ".".to_owned() } else { chunk(&part.to_string()) };
        Keys(format!("structstore/{VERSION}/{}/@p/{part}", chunk(name.trim_start_matches('/'))))
    }

    /// What changed.
    pub(crate) fn deltas(&self) -> String {
        format!("{}/@delta", self.0)
    }

    /// Large arrays and samples of streams.
    pub(crate) fn bulk(&self) -> String {
        format!("{}/@bulk", self.0)
    }

    /// Requests for the state.
    pub(crate) fn state(&self) -> String {
        format!("{}/@state", self.0)
    }

    /// Changes that followers request.
    pub(crate) fn changes(&self) -> String {
        format!("{}/@set", self.0)
    }

    /// The liveliness token of an owner.
    pub(crate) fn owner(&self, owner: &str) -> String {
        format!("{}/@owner/{}", self.0, chunk(owner))
    }

    pub(crate) fn owners(&self) -> String {
        format!("{}/@owner/*", self.0)
    }
}

/// A text as one chunk of a key: what keys give a meaning, and what is not ASCII, is written as `%` and two hexadecimal digits for each byte.
pub(crate) fn chunk(text: &str) -> String {
    let mut chunk = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => chunk.push(char::from(byte)),
            _ => drop(write!(chunk, "%{byte:02X}")),
        }
    }
    if chunk.is_empty() { "%".to_owned() } else { chunk }
}

/// The text that was made a chunk.
pub(crate) fn text(chunk: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(chunk.len());
    let mut rest = chunk.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match (first, rest) {
            (b'%', [high, low, behind @ ..]) => {
                rest = behind;
                let digits = [*high, *low];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_valid_and_differ() {
        for (path, expected) in [
            ("", "structstore/1/robot/@p/./@delta"),
            ("arm", "structstore/1/robot/@p/arm/@delta"),
            ("drive.gains", "structstore/1/robot/@p/drive.gains/@delta"),
            (r#""a/b*$?#@".größe"#, "structstore/1/robot/@p/a%2Fb%2A%24%3F%23%40.gr%C3%B6%C3%9Fe/@delta"),
        ] {
            let key = Keys::new("/robot", &path.parse().unwrap()).deltas();
            assert_eq!(key, expected);
            zenoh::key_expr::KeyExpr::new(key).unwrap();
        }
        assert_eq!(text(&chunk("größe/100%")).as_deref(), Some("größe/100%"));
        assert_eq!((text("%"), text("%zz"), text("%ff")), (Some("%".to_owned()), None, None));
    }
}
