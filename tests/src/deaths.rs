//! Operations during which a process is made to die: at its first store to shared memory, at its second one, and so on.

use std::time::Duration;

use structstore::binding_support::{Declaration, Declaring, ListExt, Parts, StructExt, arm};
use structstore::guard::StructMut;
use structstore::stream::{Start, Stream, StreamValue};
use structstore::{
    Array, ArrayValue, Cleanup, DType, Error, ErrorKind, Key, Kind, List, Meta, Options, Result, StructStore,
    StructStoreShared, Value,
};

use crate::fill;

/// An operation, and the store that it starts with.
pub struct Case {
    /// The name of the operation; unique.
    pub name: String,
    prepare: Box<Prepare>,
    run: Run,
    /// Whether the store is full before the operation.
    pub full: bool,
}

type Prepare = dyn Fn(&StructStoreShared) -> Result<()> + Send + Sync;
type Change = dyn Fn(StructStoreShared, &dyn Fn()) -> Result<()> + Send + Sync;

enum Run {
    /// Opening the store itself, and re-initialising it or not.
    Open { reinit: bool },
    /// An operation on an open store. It calls its second argument before the stores that count.
    Change(Box<Change>),
}

impl Case {
    fn new(
        name: impl Into<String>,
        prepare: impl Fn(&StructStoreShared) -> Result<()> + Send + Sync + 'static,
        run: impl Fn(&StructStoreShared) -> Result<()> + Send + Sync + 'static,
    ) -> Case {
        Case::late(name, prepare, move |store, ready| {
            ready();
            run(&store)
        })
    }

    fn late(
        name: impl Into<String>,
        prepare: impl Fn(&StructStoreShared) -> Result<()> + Send + Sync + 'static,
        run: impl Fn(StructStoreShared, &dyn Fn()) -> Result<()> + Send + Sync + 'static,
    ) -> Case {
        Case { name: name.into(), prepare: Box::new(prepare), run: Run::Change(Box::new(run)), full: false }
    }

    /// The same in a store without any free memory.
    fn in_a_full_store(self) -> Case {
        let Case { name, prepare, run, .. } = self;
        let prepare = Box::new(move |store: &StructStoreShared| {
            prepare(store)?;
            // More items than the journal of a seat can log one by one.
            store.set("many", vec!["each in a node of its own"; 20])?;
            fill(store, 0)
        });
        Case { name: format!("{name} in a full store"), prepare, run, full: true }
    }

    /// The options with which the store is created and opened.
    pub fn options(&self) -> Options {
        if self.full { options().max_size(72 << 10) } else { options() }
    }

    fn open(name: &str, reinit: bool) -> Case {
        Case { name: name.into(), prepare: Box::new(with_fields), run: Run::Open { reinit }, full: false }
    }

    /// Prepares an empty store for the operation.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn prepare(&self, store: &StructStoreShared) -> Result<()> {
        // Memory that was never used is zero, which would hide an operation that forgets to initialise it.
        store.set("dirt", Value::Bytes(vec![0xff; 30_000].into()))?;
        store.delete("dirt")?;
        (self.prepare)(store)
    }

    /// Runs the operation; dies at the given store to shared memory, if the number is not 0 and not beyond the last one.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn run(&self, name: &str, death: u64) -> Result<()> {
        let options = self.options();
        match &self.run {
            Run::Open { reinit } => {
                arm(death);
                drop(options.reinit(*reinit).open(name)?);
            }
            Run::Change(run) => run(options.open(name)?, &|| arm(death))?,
        }
        Ok(())
    }
}

/// The options with which the processes of these tests open a store: a process that dies does not remove the name.
pub fn options() -> Options {
    StructStoreShared::options().cleanup(Cleanup::Never)
}

#[derive(StructStore)]
struct Bound {
    #[structstore(default = 5)]
    number: i32,
    gains: [f64; 3],
    #[structstore(default = "a string that is longer than a few words")]
    text: String,
    inner: Inner,
}

#[derive(StructStore)]
struct Inner {
    flag: bool,
    name: String,
}

/// Fields with limits, in parts that come and go.
#[derive(StructStore)]
struct Lines {
    /// What there is.
    #[structstore(len = ..=4)]
    lines: Vec<Line>,
    best: Option<Line>,
}

#[derive(StructStore)]
struct Line {
    #[structstore(range = 0.0..=1.0, unit = "V")]
    gain: f64,
    mode: Mode,
}

#[derive(StructStore)]
enum Mode {
    Off,
    On,
}

/// Fields that are added, removed, and grow.
#[derive(StructStore)]
struct Growing {
    trail: Vec<f64>,
    limit: Option<i64>,
    name: Option<String>,
    items: Vec<Inner>,
    entries: std::collections::BTreeMap<String, f64>,
    extra: structstore::Struct,
}

/// The same fields as in [`Bound`], some of them wider.
#[derive(StructStore)]
struct Wider {
    number: i64,
    gains: [f64; 3],
    text: Option<String>,
    trail: Vec<f64>,
}

/// The same fields as in [`Bound`], one of which has another name, of a type with a version.
#[derive(StructStore)]
#[structstore(version = 1)]
struct Renamed {
    #[structstore(alias = "number")]
    #[structstore(default = 5)]
    the_number_as_it_is_called_now: i32,
    gains: [f64; 3],
    added: String,
}

#[derive(StructStore)]
#[structstore(version = 2, migrate = "from_thousands")]
struct Migrated {
    number: i64,
}

fn from_thousands(_: u32, store: &mut StructMut<'_>) -> Result<()> {
    if let Some(thousands) = store.find::<i64>("number_in_thousands")? {
        store.delete("number_in_thousands")?;
        store.set("number", thousands / 1000)?;
    }
    Ok(())
}

fn with_aliases(store: &StructStoreShared) -> Result<()> {
    with_fields(store)?;
    store.declare("list", &Meta::new().alias("other name").alias("one that is too long for the field"))
}

fn with_growing(store: &StructStoreShared) -> Result<()> {
    store.bind::<Growing>()?.with_mut(|mut growing| {
        growing.trail.extend_from_slice(&[1.0, 2.0])?;
        growing.limit.set(Some(5))?;
        growing.items.push(&Inner { flag: true, name: "first".into() })?;
        growing.entries.insert("one", &1.0)?;
        growing.extra.set("anything", Value::list([1_i64]))
    })
}

/// A change of one of these fields.
type Step = fn(&mut GrowingMut<'_>) -> Result<()>;

const STEPS: [(&str, Step); 9] = [
    ("append in place", |growing| growing.trail.push(3.0)),
    ("append in a new block", |growing| growing.trail.extend_from_slice(&[3.0; 100])),
    ("truncate", |growing| growing.trail.truncate(1)),
    ("take an optional number", |growing| growing.limit.set(None)),
    ("give an optional text", |growing| growing.name.set(Some("somebody".into()))),
    ("append a struct", |growing| growing.items.push(&Inner { flag: false, name: "more".into() })),
    ("remove a struct", |growing| growing.items.remove(0)),
    ("insert an entry", |growing| growing.entries.insert("two", &2.0)),
    ("replace dynamic fields", |growing| growing.extra.set("anything", "else")),
];

fn array(elements: usize) -> Value<'static> {
    let elements: Vec<f64> = (0..elements).map(|at| at as f64).collect();
    Value::from(ArrayValue::from_slice(&[elements.len()], &elements).expect("a shape of its own"))
        .into_owned()
}

/// One value of each kind.
fn kinds() -> [(&'static str, Value<'static>); 9] {
    let stream =
        StreamValue::new(DType::of::<u64>(), &[3], 5).and_then(|stream| stream.with_newest(7, vec![1; 24]));
    [
        ("null", Value::Null),
        ("int", 5_i64.into()),
        ("float", 0.5.into()),
        ("text", "some text".into()),
        ("bytes", Value::Bytes(vec![1, 2, 3].into())),
        ("list", vec![Value::from(1_i64), "two".into(), Value::list([3_i64])].into()),
        ("struct", Value::record([("x", Value::from(1_i64)), ("name", "deep".into()), ("array", array(4))])),
        ("array", array(20)),
        ("stream", stream.map_or(Value::Null, Value::from)),
    ]
}

/// Two samples of each kind, and no publisher.
fn with_streams(store: &StructStoreShared) -> Result<()> {
    let words = store.ensure_stream::<[u64; 3]>("words", Stream::depth(2))?;
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([5000]).depth(1))?;
    for at in 0..2 {
        words.publish_at(&[at; 3], at)?;
        frames.publish_at(&[at as u8; 5000], at)?;
    }
    words.release()?;
    frames.release()
}

fn words(store: &StructStoreShared) -> Result<Stream<[u64; 3]>> {
    store.get("words")
}

fn frames(store: &StructStoreShared) -> Result<Stream<[u8]>> {
    store.get("frames")
}

fn nothing(_: &StructStoreShared) -> Result<()> {
    Ok(())
}

/// A live array, longer than the log of a seat, and one that is published.
fn with_live(store: &StructStoreShared) -> Result<()> {
    store.set("array", array(20))?;
    store.set("live", live(50))
}

fn live(length: usize) -> Value<'static> {
    match array(length) {
        Value::Array(array) => array.live().into(),
        other => other,
    }
}

/// A list of numbers, strings and nested lists.
fn with_list(store: &StructStoreShared) -> Result<()> {
    store.set("list", vec![Value::from(1_i64), "two".into(), Value::list([3_i64, 4]), 5_i64.into()])
}

/// One field of each kind.
fn with_fields(store: &StructStoreShared) -> Result<()> {
    kinds().into_iter().try_for_each(|(name, value)| store.set(name, value))
}

/// A struct with a declared field.
fn with_declared(store: &StructStoreShared) -> Result<()> {
    let field = declaration("number", &[Kind::I32], Some(5));
    store.ensure_struct("part")?.declare_fields(&[field], Declaring::default()).map(drop)
}

/// Declares limits of some of the fields of [`with_fields`].
fn limit(store: &mut StructMut<'_>) -> Result<()> {
    store.declare(
        "int",
        &Meta::new().range(0..).unit("m").description("How far it is, in a text of some length."),
    )?;
    store.declare("text", &Meta::new().len(1..))?;
    store.declare("list", &Meta::new().range(0..).len(..20))?;
    store.declare("array", &Meta::new().finite().default_value([0.5_f64, 1.5]))
}

fn with_limits(store: &StructStoreShared) -> Result<()> {
    with_fields(store)?;
    store.transaction(limit)
}

/// One change of each kind to the fields of [`with_fields`], and one that fails.
fn change_everything(store: &mut StructMut<'_>) -> Result<()> {
    *store.get_mut::<i64>("int")? += 1;
    store.set("float", 1.5)?;
    store.set("null", "no longer")?;
    store.ensure_str("text")?.set("another, longer text, in a block of its own")?;
    store.set("text", "and another one")?;
    store.delete("bytes")?;
    assert!(store.set("", 1).is_err(), "a field without a name");
    let mut list = store.ensure_list("list")?;
    list.push(4_i64)?;
    list.insert(0, "first")?;
    list.remove(1)?;
    list.extend((0..20_i64).map(Value::from))?;
    for item in list.iter_mut::<i64>() {
        let _ = item.map(|item| *item *= 2);
    }
    store.at("struct")?.set("new", Value::list([1_i64, 2]))?;
    store.at("struct")?.delete("name")?;
    store.set("array", array(30))?;
    store.rename("float", "double")?;
    store.set("added", Value::record([("x", 1_i64.into())]))?;
    store.delete("added")
}

fn list(store: &StructStoreShared) -> Result<List> {
    store.get("list")
}

fn declaration<'a>(name: &'a str, kinds: &'a [Kind], default: Option<i64>) -> Declaration<'a> {
    let (default, meta) = (default.map(Value::from), Meta::new());
    Declaration { name, kinds, optional: false, default, fields: Vec::new(), parts: Parts::None, meta }
}

/// A text that does not fit a node.
const LONGER: &str = "a text that is longer than the forty bytes for which there is room in a node";

/// All cases. Two tests choose cases by position.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::open("open", false),
        Case::open("begin anew", true),
        Case::open("begin anew", true).in_a_full_store(),
        Case::late("close", with_fields, |store, ready| {
            drop(store.read()?);
            ready();
            store.close()
        }),
        Case::new("the first lock of a thread", with_fields, |store| store.set("int", 5_i64)),
        Case::new("clear", with_fields, |store| store.clear()),
        Case::new("clear", with_fields, |store| store.clear()).in_a_full_store(),
        Case::new("remove an array to keep it", with_fields, |store| store.remove_array("array").map(drop)),
        Case::new("rename", with_fields, |store| store.rename("text", "another name, a longer one")),
        Case::new("assign several fields", with_fields, |store| {
            store.update([("int", Value::from(6_i64)), ("new", "text".into()), ("struct", vec!["a"].into())])
        }),
        Case::new("assign all", with_fields, |store| store.replace(Value::record([("only", 1_i64.into())]))),
        Case::new("import", with_fields, |store| {
            let other = StructStore::new();
            other.set("list", vec!["a", "b"])?;
            other.set("array", array(9))?;
            store.restore(&other.to_bytes()?)
        }),
        Case::new("import with metadata", with_fields, |store| {
            let other = StructStore::new();
            other.set("list", Value::list([1, 2]))?;
            other.set("text", "some")?;
            other.declare("list", &Meta::new().range(0..5).unit("a unit of some length, in a text"))?;
            other.declare("text", &Meta::new().len(1..))?;
            store.restore(&other.to_bytes()?)
        }),
        Case::new("insert the ninth field", with_fields, |store| store.set("ninth", 9_i64)),
        Case::new(
            "insert after removals",
            |store| {
                with_fields(store)?;
                ["null", "float", "bytes"].iter().try_for_each(|name| store.delete(*name))
            },
            |store| store.set("a name that is too long for the field", 9_i64),
        ),
        Case::new("push a number", with_list, |store| list(store)?.push(6_i64)),
        Case::new("push a text", with_list, |store| list(store)?.push("six")),
        Case::new(
            "push beyond the capacity",
            |store| store.set("list", (0..16_i64).map(Value::from).collect::<Vec<_>>()),
            |store| list(store)?.push(16_i64),
        ),
        Case::new("insert an item", with_list, |store| list(store)?.insert(1, "between")),
        Case::new("remove an item", with_list, |store| list(store)?.remove(2).map(drop)),
        Case::new("replace an item", with_list, |store| list(store)?.set(1, Value::list([9_i64]))),
        Case::new("extend", with_list, |store| list(store)?.extend(["a", "b", "c"])),
        Case::new("splice more into a list", with_list, |store| list(store)?.splice(1..3, ["a", "b", "c"])),
        Case::new("splice less into a list", with_list, |store| list(store)?.splice(1..=2, ["a"])),
        Case::new("replace every other item", with_list, |store| {
            list(store)?.replace_at(&[2, 0], &[vec!["a"].into(), 5_i64.into()])
        }),
        Case::new("remove every other item", with_list, |store| list(store)?.replace_at(&[0, 2], &[])),
        Case::new("clear a list", with_list, |store| list(store)?.clear()),
        Case::new("assign a list", with_list, |store| list(store)?.replace(["a", "b"])),
        Case::new("insert a larger array", nothing, |store| store.set("larger", array(2000))),
        Case::new("grow", nothing, |store| store.set("array", array(200_000))),
        Case::new("bind", nothing, |store| store.bind::<Bound>().map(drop)),
        Case::new(
            "bind again",
            |store| store.bind::<Bound>().map(drop),
            |store| store.bind::<Bound>().map(drop),
        ),
        Case::new("declare", with_fields, |store| {
            let fields = [
                declaration("int", &[Kind::F64], None),
                Declaration {
                    fields: vec![declaration("x", &[Kind::I64], None), declaration("new", &[], Some(9_i64))],
                    ..declaration("struct", &[Kind::Struct], None)
                },
                Declaration { optional: true, ..declaration("null", &[Kind::Str], None) },
                declaration("number", &[Kind::I64], Some(5_i64)),
            ];
            store.declare_fields(&fields, Declaring::default()).map(drop)
        }),
        Case::new("lend a field for good", with_fields, |store| {
            store.lend_for_good(&Key::new("int"), Kind::I64).map(drop)
        }),
        Case::late("remove a struct whose field is lent for good", with_declared, |store, ready| {
            let part = store.at("part")?;
            part.lend_for_good(&Key::new("number"), Kind::I32)?;
            ready();
            store.delete_forced("part")
        }),
        Case::new("declare limits", with_fields, |store| store.transaction(limit)),
        Case::new("declare limits of a list", with_fields, |store| {
            store.declare("list", &Meta::new().choices(["1", "two", "3"]).unit("m"))
        }),
        Case::new("declare other limits of a list", with_limits, |store| {
            store.declare("list", &Meta::new().choices(["1", "two", "3"]))
        }),
        Case::new("declare aliases", with_fields, |store| {
            store
                .declare("list", &Meta::new().alias("other name").alias("one that is too long for the field"))
        }),
        Case::new("declare other aliases", with_aliases, |store| {
            store.declare("list", &Meta::new().alias("a third name"))
        }),
        Case::new("remove a field with aliases", with_aliases, |store| store.delete_forced("other name")),
        Case::new("undeclare a field with aliases", with_aliases, |store| store.undeclare("list")),
        Case::new(
            "undeclare a struct",
            |store| store.ensure_struct("part")?.bind::<Renamed>().map(drop),
            |store| store.undeclare("part"),
        ),
        Case::new(
            "bind a field that has an alias",
            |store| store.bind::<Bound>().map(drop),
            |store| store.bind::<Renamed>().map(drop),
        ),
        Case::new(
            "bind what lacks fields",
            |store| store.set("items", Value::list([Value::record([("flag", true.into())])])),
            |store| store.bind::<Growing>().map(drop),
        ),
        Case::new(
            "migrate",
            |store| store.set("number_in_thousands", 5_000_i64),
            |store| store.bind::<Migrated>().map(drop),
        ),
        Case::new("take limits of a list away", with_limits, |store| store.declare("list", &Meta::new())),
        Case::new("take limits away", with_limits, |store| {
            store.transaction(|store| {
                ["int", "text", "list", "array"]
                    .iter()
                    .try_for_each(|name| store.declare(*name, &Meta::new()))
            })
        }),
        Case::new("assign a list within limits", with_limits, |store| {
            assert!(store.set("list", Value::list([-1_i64])).is_err(), "an item outside of its limits");
            store.set("list", Value::List(vec![1_i64.into(), Value::list([2_i64]), "text".into()]))
        }),
        Case::new("extend a list within limits", with_limits, |store| {
            assert!(list(store)?.push(-1_i64).is_err(), "an item outside of its limits");
            list(store)?.extend([Value::from(3_i64), "text".into(), Value::list([4_i64])])
        }),
        Case::new("assign within limits", with_limits, |store| {
            store.transaction(|store| {
                store.set("int", 6_i64)?;
                assert!(store.set("int", -1_i64).is_err(), "a number outside of its limits");
                store.set("text", "short")?;
                store.ensure_list("list")?.set(1, Value::list([2_i64]))?;
                store.set("array", array(3))?;
                store.set_at("array[0]", 0.5)
            })
        }),
        Case::new("assign all within limits", with_limits, |store| {
            store.replace(Value::record([("list", Value::list([7_i64])), ("only", 1_i64.into())]))
        }),
        Case::new(
            "remove a struct with limits",
            |store| {
                let part = store.ensure_struct("part")?;
                part.set("a name that is too long for the field", "text")?;
                part.declare("a name that is too long for the field", &Meta::new().len(1..).unit("m"))
            },
            |store| store.delete("part"),
        ),
        Case::new(
            "remove what is bound",
            |store| store.ensure_struct("part")?.bind::<Bound>().map(std::mem::forget),
            |store| {
                assert!(store.delete("part").is_err(), "removed in passing");
                store.delete_forced("part")
            },
        ),
        Case::new(
            "push structs with limits",
            |store| store.bind::<Lines>().map(drop),
            |store| {
                let line = Line { gain: 0.5, mode: Mode::Off };
                store.bind::<Lines>()?.transaction(|mut lines| {
                    lines.lines.push(&line)?;
                    lines.lines.get_mut(0)?.gain.set(0.25)?;
                    lines.best.set(Some(line))
                })
            },
        ),
        Case::new(
            "merge into declared fields",
            |store| store.bind::<Bound>().map(drop),
            |store| store.set("inner", Value::record([("name", "new".into()), ("more", 1_i64.into())])),
        ),
        Case::late("lock exclusively", with_fields, |store, ready| {
            ready();
            drop(store.at("struct")?.write()?);
            Ok(())
        }),
        Case::late("lock shared", with_fields, |store, ready| {
            ready();
            drop(store.at("struct")?.read()?);
            Ok(())
        }),
        Case::late("lock in vain", with_fields, |store, ready| {
            let other = store.at("struct")?;
            let _held = std::thread::spawn(move || std::mem::forget(other.read().unwrap())).join();
            ready();
            let refused = store.within(Duration::from_millis(1)).write();
            assert!(refused.is_err(), "a shared lock was passed over");
            Ok(())
        }),
        Case::new("reorder a list", with_list, |store| list(store)?.reorder(&[3, 1, 0, 2])),
        Case::new("watch, be told, and go", with_list, |store| {
            let list = list(store)?;
            let mut watch = list.watch()?;
            list.push(6_i64)?;
            assert_eq!(watch.changes()?, ["[4]"]);
            Ok(())
        }),
        Case::late("change in a guard", with_list, |store, ready| {
            let mut guard = list(&store)?.write()?;
            ready();
            guard.push("in a guard")
        }),
        Case::late("lease and release", with_fields, |store, ready| {
            ready();
            drop(store.get::<Array>("array")?.view()?);
            Ok(())
        }),
        Case::late("replace a leased array", with_fields, |store, ready| {
            let view = store.get::<Array>("array")?.view()?;
            ready();
            store.set("array", array(7))?;
            drop(view);
            Ok(())
        }),
        Case::late("remove a leased array", with_fields, |store, ready| {
            let view = store.get::<Array>("array")?.view()?;
            ready();
            store.delete("array")?;
            drop(view);
            Ok(())
        }),
    ];
    cases.extend([
        Case::new("insert a live array", nothing, |store| store.set("live", live(20))),
        Case::new("assign a live array", with_live, |store| {
            store.set("live", ArrayValue::from_slice(&[50], &[5.0; 50])?)
        }),
        Case::new("make an array live", with_live, |store| store.set("array", live(30))),
        Case::new("remove a live array", with_live, |store| store.delete("live")),
        Case::late("change a live array in a guard", with_live, |store, ready| {
            let mut guard = store.write()?;
            ready();
            guard.set("live", vec![0.5; 50])
        }),
        Case::new("undo a transaction on a live array", with_live, |store| {
            let undone = store.transaction(|store| {
                store.set("live", vec![0.5; 50])?;
                store.delete("live")?;
                Err::<(), _>(Error::rejected("undone"))
            });
            assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
            Ok(())
        }),
        Case::new("set an element", with_live, |store| store.set_at("array[3]", 7)),
        Case::new("set an element of a live array", with_live, |store| store.set_at("live[3]", 7)),
        Case::late("set an element beside a view", with_live, |store, ready| {
            let view = store.get::<Array>("array")?.view()?;
            ready();
            store.set_at("array[3]", 7)?;
            drop(view);
            Ok(())
        }),
        Case::new("fill and insert an array", with_live, |store| {
            let mut filling = store.fill::<f64>("new", &[30])?;
            filling.as_mut_slice().fill(0.5);
            filling.publish()
        }),
        Case::new("fill and replace an array", with_live, |store| {
            let mut filling = store.fill::<f64>("array", &[30])?;
            filling.as_mut_slice().fill(0.5);
            filling.publish()
        }),
        Case::new("fill an array in vain", with_live, |store| {
            drop(store.fill::<f64>("array", &[30])?);
            Ok(())
        }),
    ]);
    cases.extend([
        Case::new("claim a stream and publish", with_streams, |store| {
            words(store)?.publish_at(&[7; 3], 9).map(drop)
        }),
        Case::late("publish a sample", with_streams, |store, ready| {
            let words = words(&store)?;
            words.publish_at(&[1; 3], 1)?;
            ready();
            words.publish_at(&[7; 3], 9).map(drop)
        }),
        Case::new("claim a stream and publish a frame", with_streams, |store| {
            frames(store)?.publish_at(&[7; 5000], 9).map(drop)
        }),
        Case::late("publish a frame beside a pinned one", with_streams, |store, ready| {
            let frames = frames(&store)?;
            let frame = frames.latest()?.value;
            ready();
            frames.publish_at(&[7; 5000], 9)?;
            drop(frame);
            Ok(())
        }),
        Case::new("loan a frame in vain", with_streams, |store| frames(store)?.loan().map(drop)),
        Case::new("read a frame", with_streams, |store| frames(store)?.latest().map(drop)),
        Case::late("wait for a sample in vain", with_streams, |store, ready| {
            let mut follow = words(&store)?.follow(Start::Next);
            ready();
            assert!(follow.next_within(Duration::from_millis(1))?.is_none());
            Ok(())
        }),
        Case::late("remove a stream in use", with_streams, |store, ready| {
            let (words, frames) = (words(&store)?, frames(&store)?);
            words.publish_at(&[1; 3], 1)?;
            let frame = frames.latest()?.value;
            ready();
            store.clear()?;
            assert_eq!(words.publish(&[2; 3]).map_err(|error| error.kind()), Err(ErrorKind::StaleHandle));
            drop(frame);
            Ok(())
        }),
        Case::new("undo a transaction on streams", with_streams, |store| {
            let undone = store.transaction(|store| {
                store.delete("words")?;
                store.set("frames", StreamValue::new(DType::of::<u8>(), &[5000], 3)?)?;
                Err::<(), _>(Error::rejected("undone"))
            });
            assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
            Ok(())
        }),
    ]);
    cases.push(Case::new("commit a transaction", with_fields, |store| store.transaction(change_everything)));
    cases.push(Case::new("undo a transaction", with_fields, |store| {
        let undone = store.transaction(|store| {
            change_everything(store)?;
            Err::<(), _>(Error::rejected("undone"))
        });
        assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
        Ok(())
    }));
    for (name, step) in STEPS {
        cases.push(Case::late(name, with_growing, move |store, ready| {
            let growing = store.bind::<Growing>()?;
            let mut guard = growing.write()?;
            ready();
            step(&mut guard.fields_mut())
        }));
    }
    cases.push(Case::late("undo a transaction on a binding", with_growing, |store, ready| {
        let growing = store.bind::<Growing>()?;
        ready();
        let undone = growing.transaction(|mut growing| {
            STEPS.iter().try_for_each(|(_, step)| step(&mut growing))?;
            Err::<(), _>(Error::rejected("undone"))
        });
        assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
        Ok(())
    }));
    cases.push(Case::late("commit a transaction on a binding", with_growing, |store, ready| {
        let growing = store.bind::<Growing>()?;
        ready();
        growing.transaction(|mut growing| STEPS.iter().try_for_each(|(_, step)| step(&mut growing)))
    }));
    for (name, text) in [("", "short"), (" to longer ones", LONGER)] {
        let name = format!("assign all fields of a binding{name}");
        cases.push(Case::late(
            name,
            |store| store.bind::<Bound>().map(drop),
            move |store, ready| {
                let bound = store.bind::<Bound>()?;
                ready();
                let inner = Inner { flag: true, name: text.into() };
                bound.replace(&Bound { number: 6, gains: [1.0, 0.0, 2.0], text: text.into(), inner })
            },
        ));
    }
    for (name, from, to) in [
        ("in place", "some", "other"),
        ("out of its node", "some", LONGER),
        ("into its node", LONGER, "other"),
    ] {
        let prepare = move |store: &StructStoreShared| store.set("text", from);
        cases.push(Case::new(format!("assign a text {name}"), prepare, move |store| store.set("text", to)));
    }
    cases.push(Case::new(
        "bind widening",
        |store| {
            store.bind::<Bound>()?;
            store.set("trail", Value::list([1_i64, 2]))
        },
        |store| store.bind_widening::<Wider>().map(drop),
    ));
    for (name, value) in kinds() {
        let text = name.to_owned();
        cases.push(Case::new(format!("insert {name}"), nothing, move |store| {
            store.set("field", value.clone())
        }));
        cases
            .push(Case::new(format!("remove {name}"), with_fields, move |store| store.delete(text.as_str())));
        for (other, new) in kinds() {
            cases.push(Case::new(format!("{name} becomes {other}"), with_fields, move |store| {
                store.set(name, new.clone())
            }));
        }
    }
    cases
}
