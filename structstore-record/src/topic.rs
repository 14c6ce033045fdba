//! Topics: one for each struct, array and stream, named by the way to it.

use std::fmt::Write;

use structstore::path::{Path, Step};

/// The topic of what is at a path: `/camera/lenses`; `/` for the root. Within names, `/`, `%` and what cannot be printed are written as `%` and
/// two hexadecimal digits for each byte.
pub(crate) fn name(path: &Path) -> String {
    if path.is_root() {
        return "/".to_owned();
    }
    let mut topic = String::new();
    for step in path.steps() {
        topic.push('/');
        match step {
            Step::Name(name) => name.chars().for_each(|character| push(&mut topic, character)),
            Step::Index(index) => topic.push_str(&index.to_string()),
        }
    }
    topic
}

fn push(topic: &mut String, character: char) {
    if !matches!(character, '/' | '%') && !character.is_control() {
        topic.push(character);
        return;
    }
    let mut bytes = [0; 4];
    for byte in character.encode_utf8(&mut bytes).bytes() {
        // Writing to a string does not fail.
        let _ = write!(topic, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_so_that_they_differ() {
        let topic = |names: &[&str]| name(&names.iter().map(|name| Step::from(*name)).collect());
        assert_eq!(topic(&[]), "/");
        assert_eq!(topic(&["camera", "lenses"]), "/camera/lenses");
        assert_eq!(topic(&["a/b", "100%", "größe", "x\ny"]), "/a%2Fb/100%25/größe/x%0Ay");
    }
}
