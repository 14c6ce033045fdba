//! Applies the owner's messages to a store.

use structstore::guard::StructMut;
use structstore::path::Path;
use structstore::{ErrorKind, Meta, Struct, Value};

use crate::parts::{Selection, declare, free, prune, put, remove};

/// Assigns, removes and declares in one transaction; if that cannot be, each by itself, and says what cannot. `false` if somebody had
/// a lock for too long.
pub(crate) fn assign(
    store: &Struct,
    set: &[(Path, Value<'static>)],
    gone: &[Path],
    metas: &[(Path, Meta)],
    errors: &mut Vec<(Path, String)>,
) -> bool {
    let all = store.transaction(|root| {
        gone.iter().try_for_each(|path| remove(root, path, true))?;
        metas.iter().try_for_each(|(path, meta)| free(root, path, meta))?;
        set.iter().try_for_each(|(path, value)| set_exactly(root, path, value))?;
        metas.iter().try_for_each(|(path, meta)| declare(root, path, meta))
    });
    match all {
        Ok(()) => return true,
        Err(error) if error.kind() == ErrorKind::LockTimeout => return false,
        Err(_) => {}
    }
    for path in gone {
        note(path, store.transaction(|root| remove(root, path, true)), errors);
    }
    for (path, meta) in metas {
        let _ = store.transaction(|root| free(root, path, meta));
    }
    for (path, value) in set {
        each(store, path, value, errors);
    }
    for (path, meta) in metas {
        note(path, store.transaction(|root| declare(root, path, meta)), errors);
    }
    true
}

/// Assigns a value. Of a struct that stays the same one, the fields that the value has not go, also those that are declared.
fn set_exactly(root: &mut StructMut<'_>, path: &Path, value: &Value<'_>) -> structstore::Result<()> {
    if matches!(value, Value::Struct(_))
        && let Ok(mut part) = root.at(path)
    {
        prune(&mut part, value)?;
    }
    put(root, path, value)
}

/// Assigns a value, or as many parts of it as can be.
fn each(store: &Struct, path: &Path, value: &Value<'_>, errors: &mut Vec<(Path, String)>) {
    let done = store.transaction(|root| set_exactly(root, path, value));
    match (done, value) {
        (Ok(()), _) => {}
        (Err(error), Value::Struct(fields)) if error.kind() != ErrorKind::StaleHandle => {
            let Ok(inner) = store.at(path) else { return note(path, Err(error), errors) };
            for name in inner.names().unwrap_or_default() {
                if !fields.iter().any(|(field, _)| **field == *name) {
                    let path = path.then(&name);
                    note(&path, store.transaction(|root| remove(root, &path, true)), errors);
                }
            }
            fields.iter().for_each(|(name, value)| each(store, &path.then(&**name), value, errors));
        }
        (Err(error), _) => note(path, Err(error), errors),
    }
}

fn note(path: &Path, done: structstore::Result<()>, errors: &mut Vec<(Path, String)>) {
    if let Err(error) = done {
        errors.push((path.clone(), error.to_string()));
    }
}

/// What a selection makes of changes of the owner: what is excluded here stays. A struct that is to go stays for its sake, and what
/// would replace it is an error.
pub(crate) fn spared(
    store: &Struct,
    selection: &Selection,
    set: Vec<(Path, Value<'static>)>,
    gone: Vec<Path>,
    errors: &mut Vec<(Path, String)>,
) -> (Vec<(Path, Value<'static>)>, Vec<Path>) {
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    for path in gone {
        match selection.excluded_below(store, &path) {
            Some(_) => kept.push((path.clone(), selection.keep(store, &path, Value::Struct(Vec::new())))),
            None => removed.push(path),
        }
    }
    for (path, value) in set {
        let is_struct = matches!(value, Value::Struct(_));
        match selection.excluded_below(store, &path).filter(|_| !is_struct) {
            Some(excluded) => errors.push((path, format!("{excluded}, which is excluded, would be lost"))),
            None => {
                let value = selection.keep(store, &path, value);
                kept.push((path, value));
            }
        }
    }
    (kept, removed)
}

/// Gives a part the state of the owner; excluded fields keep their local values. `false` as for [`assign`].
pub(crate) fn load_part(
    store: &Struct,
    selection: &Selection,
    value: Option<&Value<'static>>,
    metas: &[(Path, Meta)],
    errors: &mut Vec<(Path, String)>,
) -> bool {
    let path = selection.part.clone();
    let (set, gone) = match value {
        None if path.is_root() => (vec![(path, Value::Struct(Vec::new()))], Vec::new()),
        None => (Vec::new(), vec![path]),
        Some(value) => (vec![(path, value.clone())], Vec::new()),
    };
    let (set, gone) = spared(store, selection, set, gone, errors);
    let metas = if value.is_some() || selection.part.is_root() { metas } else { &[] };
    assign(store, &set, &gone, metas, errors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use structstore_tests::fuzz::snapshot::with_header;

    use super::*;
    use crate::hostile::apply;
    use crate::message::{Mark, Message};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Also those whose hash is right.
        #[test]
        fn hostile_messages_do_no_harm(which in 0..4, changes in proptest::collection::vec((0_usize..400, any::<u8>()), 1..4)) {
            let mark = Mark { epoch: 1, seq: 7, time: 5 };
            let at = |text: &str| text.parse::<Path>().unwrap();
            let value = Value::record([("x", Value::from(0.5)), ("list", Value::list([1, 2])), ("camera", Value::Null)]);
            let metas = vec![(at("x"), Meta::new().range(0.0..=1.0).unit("m"))];
            let message = match which {
                0 => Message::Delta { mark, bulk: 3, set: vec![(at("camera"), value)], gone: vec![at("x")], metas },
                1 => Message::State { mark, bulk: 3, value: Some(value), metas },
                2 => Message::Array { mark, number: 4, path: at("camera"), value },
                _ => Message::Samples { mark, path: at("imu"), samples: vec![(1, 2, vec![3, 4])] },
            };
            let bytes = message.to_bytes().unwrap();
            assert!(apply(&bytes));
            let mut body = bytes[32..].to_vec();
            assert!(apply(&with_header(&body)));
            for (at, by) in changes {
                let at = at % body.len();
                body[at] = by;
            }
            apply(&with_header(&body));
        }
    }
}
