//! What a follower does with a message, whatever is in it: for tests and for the fuzzer, which takes this file as it is.

use structstore::StructStore;
use structstore::path::Path;

use crate::apply::{assign, load_part};
use crate::message::Message;
use crate::parts::Selection;

/// Applies a message to a store. Whether it could be read.
///
/// # Panics
///
/// If the store is damaged afterwards, or a message that was read is written as something else.
pub(crate) fn apply(bytes: &[u8]) -> bool {
    let (store, all) = (StructStore::new(), Selection::new(Path::ROOT, &[]));
    store.set("camera", 1).unwrap();
    let Ok(message) = Message::from_bytes(bytes) else { return false };
    let written = message.to_bytes().unwrap();
    assert_eq!(Message::from_bytes(&written).unwrap().to_bytes().unwrap(), written);
    match message {
        Message::Delta { set, gone, metas, .. } => {
            assign(&store, &set, &gone, &metas, &mut Vec::new());
        }
        Message::State { value, metas, .. } => {
            load_part(&store, &all, value.as_ref(), &metas, &mut Vec::new());
        }
        Message::Array { path, value, .. } => {
            assign(&store, &[(path, value)], &[], &[], &mut Vec::new());
        }
        _ => {}
    }
    store.check().unwrap();
    true
}
