//! Fields that are lent for good.

use super::store;
use crate::access::Access;
use crate::binding_support::{Declaration, Declaring, Parts, StructExt};
use crate::{ErrorKind, Key, Kind, Meta, Result, Struct, StructStore, StructStoreShared};

/// Lends a number, and reads and writes it as C++ would.
struct Lent(*mut i32);

impl Lent {
    fn of(part: &Struct, name: &str) -> Result<Lent> {
        part.lend_for_good(&Key::new(name), Kind::I32).map(|place| Lent(place.cast()))
    }

    fn get(&self) -> i32 {
        // SAFETY: lent while the store is open, which the tests see to; no other thread writes.
        unsafe { self.0.read() }
    }

    fn set(&self, value: i32) {
        // SAFETY: as above.
        unsafe { self.0.write(value) }
    }
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn retype(store: &Struct, name: &str, optional: bool) -> Result<()> {
    let field = Declaration {
        name,
        kinds: &[Kind::I64],
        optional,
        default: None,
        fields: Vec::new(),
        parts: Parts::None,
        meta: Meta::new(),
    };
    store.declare_fields(&[field], Declaring { widen: true, version: None }).map(drop)
}

#[test]
fn a_field_is_plain_memory() -> Result<()> {
    let store = StructStore::new();
    let part = store.ensure_struct("part")?;
    part.set("speed", 5_i64)?;
    let (speed, new) = (Lent::of(&part, "speed")?, Lent::of(&part, "new")?);
    assert_eq!((speed.get(), new.get()), (5, 0));
    speed.set(-7);
    assert_eq!((part.get::<i64>("speed")?, part.kind("speed")?), (-7, Kind::I32));
    part.set("speed", 8)?;
    assert_eq!(speed.get(), 8);
    assert_eq!(speed.0, Lent::of(&part, "speed")?.0);
    store.check()
}

#[test]
fn what_is_lent_keeps_its_place_and_type() -> Result<()> {
    let store = store();
    let part = store.ensure_struct("part")?;
    let speed = Lent::of(&part, "speed")?;
    for error in [
        part.set("speed", "fast").err(),
        part.delete_forced("speed").err(),
        part.undeclare("speed").err(),
        part.declare("speed", &Meta::new().range(0..9)).err(),
        retype(&part, "speed", false).err(),
        part.bind_widening::<Wider>().err(),
        store.delete("part").err(),
        store.clear().err(),
    ] {
        assert!(error.is_some());
        assert_eq!(part.kind("speed")?, Kind::I32);
    }
    for n in 0..200 {
        part.set(format!("field {n}").as_str(), n)?;
    }
    speed.set(3);
    assert_eq!(part.get::<i32>("speed")?, 3);
    assert_eq!(
        retype(&part, "speed", false).unwrap_err().to_string().split(',').next(),
        Some("part.speed: in use by this process")
    );
    store.check()
}

#[derive(StructStore)]
struct Wider {
    speed: i64,
}

#[test]
fn what_cannot_be_lent_is_refused() -> Result<()> {
    let store = store();
    store.set("text", "a")?;
    store.set("gain", 5_i32)?;
    store.declare("gain", &Meta::new().range(0..9))?;
    store.set("wide", 1_i64 << 40)?;
    store.set("perhaps", 1_i64)?;
    retype(&store, "perhaps", true)?;
    for (name, expected) in [
        ("text", ErrorKind::WrongType),
        ("gain", ErrorKind::WrongType),
        ("wide", ErrorKind::OutOfRange),
        ("perhaps", ErrorKind::WrongType),
    ] {
        let before = store.to_value()?;
        assert_eq!(kind(Lent::of(&store, name)), Some(expected), "{name}");
        assert_eq!(store.to_value()?, before);
    }
    assert_eq!(kind(store.lend_for_good(&Key::new("text"), Kind::Str)), Some(ErrorKind::WrongType));
    let undone = store.transaction(|_| Lent::of(&store, "new").map(drop));
    assert!(undone.is_err());
    assert!(store.find::<i32>("new")?.is_none());
    assert_eq!(store.handle.arena().header().pins.load(crate::sync::Ordering::Relaxed), 0);
    store.check()
}

/// The memory is the reference's own after the struct was removed by force, and is freed when the store is closed.
#[test]
fn what_is_lent_outlasts_its_struct() -> Result<()> {
    let memory = nix::sys::memfd::memfd_create(c"test", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    let open = || StructStoreShared::options().open_fd(memory.try_clone().unwrap());
    let (store, other) = (open()?, open()?);
    let before = other.statistics().allocated;
    let part = store.ensure_struct("part")?;
    let names: Vec<String> = (0..50).map(|n| format!("a field whose name is long {n}")).collect();
    let lent = names.iter().map(|name| Lent::of(&part, name)).collect::<Result<Vec<_>>>()?;
    for (n, lent) in (0..).zip(&lent) {
        lent.set(n);
    }
    other.delete_forced("part")?;
    assert_eq!(kind(part.get::<i32>(names[0].as_str())), Some(ErrorKind::StaleHandle));
    for n in 0..20 {
        other.set(format!("new {n}").as_str(), vec![-1_i64; 20])?;
        other.ensure_struct("others")?.set(format!("new {n}").as_str(), n)?;
    }
    for (n, lent) in (0..).zip(&lent) {
        assert_eq!(lent.get(), n);
        lent.set(-n);
    }
    other.check()?;
    other.clear()?;
    assert!(other.statistics().allocated > before);
    drop((part, lent));
    store.close()?;
    other.check()?;
    assert_eq!(other.statistics().allocated, before);
    Ok(())
}
