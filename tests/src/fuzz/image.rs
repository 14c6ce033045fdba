//! Bytes as images of values.

use structstore::{Result, Struct, StructStore};

use crate::hostile;

/// Reads the bytes as an image, and as the body of one whose header is right.
///
/// # Panics
///
/// If a store takes an image and is damaged or another value than it says, or refuses it and is changed.
pub fn run(bytes: &[u8]) {
    import(bytes);
    let body = bytes.strip_prefix(b"STRUCTIM").and_then(|rest| rest.get(24..)).unwrap_or(bytes);
    import(&with_header(body));
}

/// An image of a body: with a header that is right.
pub fn with_header(body: &[u8]) -> Vec<u8> {
    let mut image = b"STRUCTIM".to_vec();
    for word in [1, body.len() as u64, rapidhash::v3::rapidhash_v3(body)] {
        image.extend_from_slice(&word.to_le_bytes());
    }
    image.extend_from_slice(body);
    image
}

fn import(image: &[u8]) {
    let store = StructStore::new();
    store.set("before", 5).expect("a field");
    let before = store.to_bytes().expect("an image");
    let taken = store.restore(image);
    store.check().expect("a whole store");
    if taken.is_err() {
        assert_eq!(store.to_bytes().expect("an image"), before, "refused, and yet changed");
        return;
    }
    round_trip(&store, image).expect("a store that takes what it has written");
    hostile::read(&store);
    hostile::write(&store);
    store.check().expect("a whole store");
    // What was bound to it stays declared.
    let _ = store.clear();
    store.check().expect("a whole store");
}

fn round_trip(store: &Struct, image: &[u8]) -> Result<()> {
    let copy = StructStore::new();
    copy.restore(image)?;
    // Each value has one image.
    assert_eq!(copy.to_bytes()?, image);
    // What was there before keeps its place.
    let again = StructStore::new();
    again.restore(&store.to_bytes()?)?;
    assert_eq!(again.to_bytes()?, store.to_bytes()?);
    let value = StructStore::new();
    value.replace(store.to_value()?)?;
    assert_eq!(value.to_bytes()?, store.to_bytes()?);
    Ok(())
}
