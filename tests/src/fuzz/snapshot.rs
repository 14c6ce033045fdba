//! Input bytes as a snapshot of a store.

use structstore::{Kind, Result, Struct, StructStore};

use crate::hostile;

/// Restores the bytes as a snapshot, and as the body of a snapshot of each version whose header is correct.
///
/// # Panics
///
/// If a store accepts a snapshot and is then damaged or has another value, or if it refuses a snapshot and is changed.
pub fn run(bytes: &[u8]) {
    import(bytes);
    let body = bytes.strip_prefix(b"STRUCTIM").and_then(|rest| rest.get(24..)).unwrap_or(bytes);
    for version in 1..=version() {
        import(&with_header_of(version, body));
    }
}

/// A snapshot of the present version with this body and a correct header.
///
/// # Panics
///
/// If there is no snapshot of an empty store.
pub fn with_header(body: &[u8]) -> Vec<u8> {
    with_header_of(version(), body)
}

/// The version of the snapshots that are written.
fn version() -> u64 {
    let empty = StructStore::new().to_bytes().expect("a snapshot");
    empty.get(8..).and_then(|rest| rest.first_chunk()).map_or(0, |version| u64::from_le_bytes(*version))
}

fn with_header_of(version: u64, body: &[u8]) -> Vec<u8> {
    let mut snapshot = b"STRUCTIM".to_vec();
    for word in [version, body.len() as u64, rapidhash::v3::rapidhash_v3(body)] {
        snapshot.extend_from_slice(&word.to_le_bytes());
    }
    snapshot.extend_from_slice(body);
    snapshot
}

fn import(snapshot: &[u8]) {
    let store = StructStore::new();
    store.set("before", 5).expect("a field");
    let before = store.to_bytes_with_samples().expect("a snapshot");
    let taken = store.restore(snapshot);
    store.check().expect("a whole store");
    if taken.is_err() {
        assert_eq!(store.to_bytes_with_samples().expect("a snapshot"), before, "refused, and yet changed");
        return;
    }
    round_trip(&store, snapshot).expect("a store that takes what it has written");
    hostile::read(&store);
    hostile::write(&store);
    store.check().expect("a whole store");
    // Fields that were bound stay declared.
    let _ = store.clear();
    store.check().expect("a whole store");
}

/// A struct without fields, which follows the value for metadata, and once more for versions.
const NOTHING: [u8; 9] = [Kind::Struct as u8, 0, 0, 0, 0, 0, 0, 0, 0];

/// The value of a snapshot, if nothing else is said in it.
fn plain(snapshot: &[u8]) -> Option<&[u8]> {
    let version = u64::from_le_bytes(*snapshot.get(8..)?.first_chunk()?);
    let value = match version {
        ..3 => Some(snapshot),
        3 => snapshot.strip_suffix(&NOTHING),
        _ => snapshot.strip_suffix(&NOTHING).and_then(|rest| rest.strip_suffix(&NOTHING)),
    };
    value?.get(32..)
}

/// The byte in front of a live array; there may be others of the same value.
const LIVE_ARRAY: u8 = Kind::Array as u8 | 0x80;

fn round_trip(store: &Struct, snapshot: &[u8]) -> Result<()> {
    let copy = StructStore::new();
    copy.restore(snapshot)?;
    // Each value has exactly one snapshot, but for the header and for metadata, which a store writes in its own way.
    if let Some(value) = plain(snapshot) {
        assert_eq!(plain(&copy.to_bytes_with_samples()?), Some(value));
    }
    // The fields keep their order.
    let again = StructStore::new();
    again.restore(&store.to_bytes_with_samples()?)?;
    assert_eq!(again.to_bytes_with_samples()?, store.to_bytes_with_samples()?);
    // A value says neither which arrays are live nor what metadata fields have, and has the newest samples only.
    if !snapshot.contains(&LIVE_ARRAY) && plain(&store.to_bytes_with_samples()?).is_some() {
        let value = StructStore::new();
        value.replace(store.to_value()?)?;
        assert_eq!(value.to_bytes()?, store.to_bytes()?);
    }
    Ok(())
}
