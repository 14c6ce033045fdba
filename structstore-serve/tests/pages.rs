//! What pages are told, and what they may do, by messages of the protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use structstore::binding_support::StructExt;
use structstore::stream::Stream;
use structstore::{ArrayValue, Cleanup, DType, Meta, Struct, StructStore, StructStoreShared, Value};
use structstore_serve::{Control, Formats, Moment, Options, Out, Page, Source, Timeline, Viewer};
use structstore_tests::SegmentName;

/// More than anything here takes.
const LIMIT: Duration = Duration::from_secs(120);

/// A page as the protocol has it.
struct Client {
    page: Page,
}

/// A message to the page, with the data of a binary one.
struct Told {
    message: Json,
    data: Vec<u8>,
}

impl Client {
    fn new(viewer: &Viewer) -> Client {
        Client { page: viewer.page().unwrap() }
    }

    fn ask(&self, message: Json) {
        self.page.send(message.to_string());
    }

    /// The next message. Turns are answered.
    fn next(&self) -> Told {
        let start = Instant::now();
        let out = loop {
            match self.page.receive(Duration::from_secs(1)) {
                Some(out) => break out,
                None => assert!(start.elapsed() < LIMIT, "nothing was told"),
            }
        };
        let told = match out {
            Out::Text(text) => Told { message: serde_json::from_str(&text).unwrap(), data: Vec::new() },
            Out::Binary(bytes) => {
                let (length, rest) = bytes.split_first_chunk().unwrap();
                let (header, data) = rest.split_at(u32::from_le_bytes(*length) as usize);
                Told { message: serde_json::from_slice(header).unwrap(), data: data.to_vec() }
            }
        };
        if told.message["type"] == "turn" {
            self.ask(json!({ "type": "next" }));
        }
        told
    }

    /// The next message of a type that is as wanted.
    fn until(&self, of: &str, mut wanted: impl FnMut(&Told) -> bool) -> Told {
        let start = Instant::now();
        loop {
            let told = self.next();
            if told.message["type"] == of && wanted(&told) {
                return told;
            }
            assert!(start.elapsed() < LIMIT, "no {of} as wanted, but {}", told.message);
        }
    }

    fn view(&self, open: &[&str]) -> Vec<Json> {
        self.ask(json!({ "type": "view", "open": open, "from": 0, "count": 1000 }));
        self.rows()
    }

    fn rows(&self) -> Vec<Json> {
        self.until("rows", |_| true).message["rows"].as_array().unwrap().clone()
    }

    fn set(&self, path: &str, value: &str, was: Option<&str>) -> Json {
        self.ask(
            json!({ "type": "set", "id": 9, "changes": [{ "path": path, "value": value, "was": was }] }),
        );
        loop {
            let told = self.next().message;
            if told["id"] == 9 {
                return told;
            }
        }
    }
}

fn numbers(data: &[u8]) -> Vec<f64> {
    data.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn local(store: &StructStore, options: &Options) -> Viewer {
    Viewer::new(Source::Store { part: Struct::clone(store), name: "local".to_owned() }, options).unwrap()
}

fn all() -> Options {
    Options::new().writable(["".parse().unwrap()]).rate(240.0)
}

/// A recording that has one speed.
struct Still;

impl Timeline for Still {
    fn duration(&self) -> f64 {
        60.0
    }

    fn marks(&self) -> Vec<(f64, String)> {
        Vec::new()
    }

    fn now(&self) -> Moment {
        Moment { time: 0.0, playing: false, speed: 1.0 }
    }

    fn control(&self, control: Control) -> Result<(), String> {
        match control {
            Control::Speed(speed) => Err(format!("speed: found {speed}")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_speed_that_is_refused_is_an_error() {
    let client = Client::new(&local(&StructStore::new(), &Options::new().timeline(Arc::new(Still))));
    client.ask(json!({ "type": "timeline", "control": { "seek": 5.0 } }));
    client.ask(json!({ "type": "timeline", "control": { "speed": 1e-300 } }));
    let told = client.until("error", |_| true).message;
    assert!(told["error"].as_str().unwrap().starts_with("speed: found 0.0000"), "{told}");
}

#[test]
fn every_kind_has_a_row() {
    let store = StructStore::new();
    let fields: [(&str, Value<'_>); 8] = [
        ("null", Value::Null),
        ("bool", true.into()),
        ("large", u64::MAX.into()),
        ("small", i64::MIN.into()),
        ("nan", f64::NAN.into()),
        ("f32", 0.1_f32.into()),
        ("a.\"b\" <img>", "c\n<b>".into()),
        ("bytes", Value::bytes(vec![0, 255])),
    ];
    store.update(fields.iter().map(|(name, value)| (*name, value))).unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    store.set("gains", [1.0, 2.5]).unwrap();
    store.set("image", ArrayValue::from_slice(&[300, 300], &[7_u8; 90_000]).unwrap()).unwrap();
    store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap().publish(&1.0).unwrap();
    store.set("gain", 2.0).unwrap();
    let meta = Meta::new().range(0.0..=5.0).unit("V").step(0.5).description("A gain.").default_value(1.0);
    store.declare("gain", &meta).unwrap();
    let client = Client::new(&local(&store, &Options::new()));
    let rows = client.view(&["items"]);
    let shown: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            (row["name"].as_str().unwrap(), row["kind"].as_str().unwrap(), row["text"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("null", "null", "null"),
            ("bool", "bool", "true"),
            ("large", "u64", "18446744073709551615"),
            ("small", "i64", "-9223372036854775808"),
            ("nan", "f64", "NaN"),
            ("f32", "f32", "0.1"),
            ("a.\"b\" <img>", "str", "c\n<b>"),
            ("bytes", "bytes", "00ff"),
            ("items", "list", "2"),
            ("[0]", "i32", "1"),
            ("[1]", "i32", "2"),
            ("gains", "array", "[1.0, 2.5]"),
            ("image", "array", "[7, 7, 7, 7, 7, 7, 7, 7, …]"),
            ("speed", "stream", "1 samples"),
            ("gain", "f64", "2.0"),
        ]
    );
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("a.\"b\" <img>")["path"], "\"a.\\\"b\\\" <img>\"");
    assert_eq!((&row("image")["dtype"], &row("image")["shape"]), (&json!("u8"), &json!([300, 300])));
    let meta = json!({ "min": "0.0", "max": "5.0", "unit": "V", "step": 0.5, "description": "A gain.", "default": "1.0" });
    assert_eq!(row("gain")["meta"], meta);
    assert!(rows.iter().all(|row| row["writable"] == false));
}

#[test]
fn changes_are_told_as_they_happen() {
    let store = StructStore::new();
    store.set("a", 1).unwrap();
    store.ensure_struct("part").unwrap().set("b", 1).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.view(&["part"]);
    store.set("a", 2).unwrap();
    let values = client.until("values", |_| true).message;
    assert_eq!(values["set"], json!([["a", "2"]]));
    store.set_at("part.c", 5).unwrap();
    let paths = |rows: Vec<Json>| rows.iter().map(|row| row["path"].clone()).collect::<Vec<_>>();
    assert_eq!(paths(client.rows()), ["a", "part", "part.b", "part.c"]);
    store.delete("a").unwrap();
    assert_eq!(paths(client.rows()), ["part", "part.b", "part.c"]);
    store.set("part", 3).unwrap();
    assert_eq!(paths(client.rows()), ["part"]);
}

#[test]
fn a_window_shows_a_part_of_many_fields() {
    let store = StructStore::new();
    let many = store.ensure_struct("many").unwrap();
    let names: Vec<String> = (0..100_000).map(|field| format!("field {field}")).collect();
    many.update(names.iter().map(|name| (name.as_str(), 1))).unwrap();
    let client = Client::new(&local(&store, &Options::new()));
    let window = |from: usize, search: &str| {
        let view = json!({ "type": "view", "open": ["many"], "from": from, "count": 3, "search": search });
        client.ask(view);
        let rows = client.until("rows", |told| told.message["from"] == from).message;
        let names: Vec<String> = rows["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect();
        (rows["total"].as_u64().unwrap(), names)
    };
    assert_eq!(window(0, ""), (100_001, vec!["many".into(), "field 0".into(), "field 1".into()]));
    assert_eq!(window(99_999, ""), (100_001, vec!["field 99998".into(), "field 99999".into()]));
    // What is out of view is not told.
    many.set("field 5", 2).unwrap();
    many.set("field 99998", 2).unwrap();
    assert_eq!(client.until("values", |_| true).message["set"], json!([["many.field 99998", "2"]]));
    assert_eq!(window(0, "FIELD 4321").0, 11);
}

#[test]
fn an_edit_is_done_wholly_or_refused() {
    let store = StructStore::new();
    store.set("kp", 2.0).unwrap();
    store.declare("kp", &Meta::new().range(0.0..=5.0)).unwrap();
    store.set("small", 5_u8).unwrap();
    store.set("name", "a").unwrap();
    store.set("gains", [1.0, 2.0]).unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    store.ensure_struct("inner").unwrap().set("x", 1).unwrap();
    store.set("status", "idle").unwrap();
    store.declare("status", &Meta::new().read_only()).unwrap();
    let client = Client::new(&local(&store, &all()));
    let error = |answer: Json| answer["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(client.set("kp", "2.5", Some("2.00"))["type"], "done", "the same value, written otherwise");
    assert_eq!(store.get::<f64>("kp").unwrap(), 2.5);
    // Something else is there by now.
    let conflict = client.set("kp", "3.0", Some("2.0"));
    assert_eq!((&conflict["conflict"], &conflict["now"]), (&json!(true), &json!("2.5")));
    assert_eq!(error(client.set("kp", "7", None)), "kp: found 7.0, expected a number from 0.0 to 5.0");
    assert_eq!(error(client.set("small", "256", None)), "found \"256\", expected u8");
    assert_eq!(error(client.set("status", "busy", None)), "status: read-only");
    assert!(error(client.set("missing", "1", None)).contains("missing: no such field"));
    assert!(error(client.set("inner", "1", None)).contains("expected struct"));
    for (path, value) in [("name", "b \"c\""), ("gains[1]", "2.5"), ("items[0]", "7"), ("inner.x", "-3")] {
        assert_eq!(client.set(path, value, None)["type"], "done", "{path}");
    }
    let found = ["name", "gains[1]", "items[0]", "inner.x"]
        .map(|path| store.get_at::<Value<'static>>(path).unwrap().to_string());
    assert_eq!(found, [r#""b \"c\"""#, "2.5", "7", "-3"]);
    // All of several, or none.
    let both = |to: &str| {
        client.ask(json!({ "type": "set", "id": 9, "changes": [
            { "path": "inner.x", "value": "8", "was": "-3" }, { "path": "kp", "value": to, "was": "2.5" },
        ]}));
        client.until("done", |_| to == "1.0").message["type"] == "done"
    };
    client.ask(json!({ "type": "set", "id": 4, "changes": [
        { "path": "inner.x", "value": "8", "was": "-3" }, { "path": "kp", "value": "9", "was": "2.5" },
    ]}));
    client.until("refused", |told| told.message["path"] == "kp");
    assert_eq!(store.get_at::<i32>("inner.x").unwrap(), -3);
    assert!(both("1.0"));
    assert_eq!((store.get_at::<i32>("inner.x").unwrap(), store.get::<f64>("kp").unwrap()), (8, 1.0));
    client.ask(json!({ "type": "set", "id": 5, "changes": [{ "path": "viewer_layout", "value": "{}", "create": "str" }] }));
    client.until("done", |told| told.message["id"] == 5);
    assert_eq!(store.get::<String>("viewer_layout").unwrap(), "{}");
}

#[test]
fn a_lock_that_is_held_is_said() {
    let store = StructStore::new();
    store.ensure_struct("part").unwrap().set("x", 1).unwrap();
    store.set("free", 5).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.view(&["part"]);
    let guard = store.at("part").unwrap().write().unwrap();
    // What is not held is shown all the same.
    client.ask(json!({ "type": "view", "open": ["part"], "from": 0, "count": 9 }));
    assert_eq!(client.rows().iter().map(|row| row["text"].clone()).collect::<Vec<_>>(), ["1", "1", "5"]);
    let late = Client::new(&local(&store, &all()));
    late.ask(json!({ "type": "view", "open": [], "from": 0, "count": 9 }));
    assert_eq!(late.rows()[1]["text"], "5");
    let refused = client.set("part.x", "2", Some("1"));
    assert!(refused["error"].as_str().unwrap().contains("lock"), "{refused}");
    drop(guard);
    assert_eq!(client.set("part.x", "2", Some("1"))["type"], "done");
}

#[test]
fn only_what_is_named_can_be_changed() {
    let store = StructStore::new();
    store.ensure_struct("drive").unwrap().set("kp", 1.0).unwrap();
    store.ensure_struct("drive2").unwrap().set("kp", 1.0).unwrap();
    let client = Client::new(&local(&store, &Options::new().writable(["drive".parse().unwrap()])));
    let rows = client.view(&["drive", "drive2"]);
    let writable: Vec<&str> =
        rows.iter().filter(|row| row["writable"] == true).map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(writable, ["drive", "drive.kp"]);
    assert_eq!(client.set("drive.kp", "2.0", None)["type"], "done");
    for path in ["drive2.kp", "drive2", "new", ""] {
        assert!(client.set(path, "2.0", None)["error"].as_str().unwrap().contains("--write"), "{path}");
    }
    client.ask(json!({ "type": "load", "id": 3, "path": "", "text": "{}" }));
    client.until("refused", |told| told.message["id"] == 3);
    assert_eq!(store.get_at::<f64>("drive2.kp").unwrap(), 1.0);
}

#[test]
fn a_stream_is_plotted_with_its_history() {
    let store = StructStore::new();
    let speed = store.ensure_stream::<f64>("speed", Stream::depth(1000)).unwrap();
    for at in 0..1000 {
        speed.publish(&f64::from(at)).unwrap();
    }
    let client = Client::new(&local(&store, &Options::new().rate(240.0)));
    let plot = |width: f64| {
        client.ask(json!({
            "type": "plot", "id": 7, "lines": [{ "path": "speed" }], "from": null, "span": 1000.0, "width": width, "rate": 10,
        }));
        client.until("series", |_| true)
    };
    // As fine as there is: two points for each microsecond at most.
    let told = plot(10_000.0);
    assert_eq!((&told.message["sampled"], &told.message["after"]), (&json!(false), &json!(-1e300)));
    let (least, greatest) = {
        let all = numbers(&told.data);
        let values = &all[all.len() / 2..];
        (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max))
    };
    assert_eq!((least, greatest), (0.0, 999.0));
    speed.publish(&5000.0).unwrap();
    let more = client.until("series", |_| true);
    let all = numbers(&more.data);
    assert_eq!(all.last(), Some(&5000.0));
    assert!(more.message["after"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_page_that_has_asked_for_nothing_gets_no_rows() {
    let store = StructStore::new();
    store.set("n", 1).unwrap();
    let client = Client::new(&local(&store, &Options::new().rate(240.0)));
    client.until("state", |_| true);
    // Many turns.
    thread::sleep(Duration::from_millis(100));
    assert_eq!(client.view(&[]).len(), 1);
}

#[test]
fn a_column_of_records_and_an_element_are_plotted() {
    #[derive(structstore::StructStore)]
    struct Imu {
        t: f64,
        acc: [f32; 3],
    }
    let store = StructStore::new();
    let imu = store.ensure_stream::<Imu>("imu", Stream::depth(10)).unwrap();
    imu.publish(&Imu { t: 1.0, acc: [1.0, 2.0, 3.5] }).unwrap();
    store.set("gains", [1.0, 2.5]).unwrap();
    let client = Client::new(&local(&store, &Options::new().rate(240.0)));
    let rows = client.view(&[]);
    assert_eq!(rows[0]["columns"], json!(["t", "acc[0]", "acc[1]", "acc[2]"]));
    let lines = json!([
        { "path": "imu", "column": "acc[2]" }, { "path": "gains[1]" }, { "path": "missing" }, { "path": "imu", "column": "x" },
    ]);
    client.ask(json!({ "type": "plot", "id": 7, "lines": lines, "from": null, "span": 1e5, "width": 100, "rate": 100 }));
    let (mut found, start) = ([false; 4], Instant::now());
    while found != [true; 4] {
        assert!(start.elapsed() < LIMIT, "{found:?}");
        let told = client.next();
        let line = told.message["line"].as_u64().unwrap_or_default() as usize;
        match told.message["type"].as_str() {
            Some("series") => {
                let last = *numbers(&told.data).last().unwrap();
                found[line] |= last == [3.5, 2.5][line];
            }
            Some("missing") => found[line] = true,
            _ => {}
        }
    }
}

#[test]
fn pictures_follow_their_array() {
    let store = StructStore::new();
    let frame =
        |value: u8| ArrayValue::new(DType::of::<u8>(), &[1, 2, 3], vec![value, 2, 3, 4, 5, 6]).unwrap();
    store.set("camera", frame(1)).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.ask(json!({ "type": "picture", "id": 8, "path": "camera", "width": 100, "height": 100, "low": null, "high": null }));
    let told = client.until("picture", |_| true);
    assert_eq!((&told.message["pixels"], &*told.data), (&json!("rgb"), &[1, 2, 3, 4, 5, 6][..]));
    store.set("camera", frame(9)).unwrap();
    assert_eq!(client.until("picture", |_| true).data[0], 9);
    client.ask(json!({ "type": "table", "id": 9, "path": "camera", "row": 0, "column": 0, "rows": 5, "columns": 5, "index": [0] }));
    let table = client.until("table", |_| true).message;
    assert_eq!(
        (&table["cells"], &table["writable"]),
        (&json!([["9", "2", "3"], ["4", "5", "6"]]), &json!(true))
    );
    client.ask(json!({ "type": "vector", "id": 10, "path": "nothing", "width": 100 }));
    assert_eq!(client.until("missing", |_| true).message["id"], 10);
    client.ask(json!({ "type": "close", "id": 8 }));
    store.delete("camera").unwrap();
    assert_eq!(
        client.until("missing", |told| told.message["id"] == 9).message["error"],
        "there is no such field"
    );
}

#[test]
fn a_store_that_goes_and_comes_is_said() {
    let name = SegmentName::new("serve");
    let open = || StructStoreShared::options().cleanup(Cleanup::Always).open(&*name).unwrap();
    let store = open();
    store.set("a", 1).unwrap();
    let viewer = Viewer::new(Source::named(&*name), &Options::new()).unwrap();
    let client = Client::new(&viewer);
    let hello = client.until("hello", |_| true).message;
    assert_eq!((&hello["store"], &hello["protocol"]), (&json!(&*name), &json!(1)));
    assert_eq!(client.view(&[]).len(), 1);
    store.close().unwrap();
    client.until("state", |told| told.message["state"] == "gone");
    let again = open();
    again.set("b", 1).unwrap();
    again.set("c", 1).unwrap();
    client.until("hello", |_| true);
    client.until("rows", |told| told.message["total"] == 2);
    again.set("b", 2).unwrap();
    client.until("values", |_| true);
}

#[test]
fn nothing_is_left_in_the_store() {
    let name = SegmentName::new("serve");
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("image", ArrayValue::from_slice(&[300, 300], &[7_u8; 90_000]).unwrap()).unwrap();
    store.ensure_stream::<f64>("speed", Stream::depth(3)).unwrap().publish(&1.0).unwrap();
    let before = (
        store.statistics().watchers,
        store.participants().unwrap().iter().map(|one| one.leases).sum::<usize>(),
    );
    let viewer = Viewer::new(Source::named(&*name), &Options::new()).unwrap();
    let clients = [Client::new(&viewer), Client::new(&viewer)];
    for client in &clients {
        client.view(&[]);
        client.ask(json!({ "type": "picture", "id": 8, "path": "image", "width": 9, "height": 9, "low": null, "high": null }));
        client.until("picture", |_| true);
        let lines = json!([{ "path": "speed" }]);
        client.ask(json!({ "type": "plot", "id": 7, "lines": lines, "from": null, "span": 1e5, "width": 100, "rate": 100 }));
        client.until("series", |_| true);
    }
    assert_eq!(store.statistics().watchers, before.0 + 1, "one watch for all pages");
    drop(clients);
    let now = || {
        (
            store.statistics().watchers,
            store.participants().unwrap().iter().map(|one| one.leases).sum::<usize>(),
        )
    };
    let start = Instant::now();
    while now() != before {
        assert!(start.elapsed() < LIMIT, "{:?}", now());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_slow_page_gets_the_newest_state() {
    let store = StructStore::new();
    store.set("n", 0).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.view(&[]);
    // It draws, and does not say so.
    for n in 0..2000 {
        store.set("n", n).unwrap();
        thread::sleep(Duration::from_micros(100));
    }
    let start = Instant::now();
    let mut told = 0;
    loop {
        assert!(start.elapsed() < LIMIT);
        told += 1;
        if client.until("values", |_| true).message["set"] == json!([["n", "1999"]]) {
            break;
        }
    }
    assert!(told <= 3, "{told} batches");
}

#[test]
fn what_the_program_puts_back_is_told() {
    let store = StructStore::new();
    store.set("go", false).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.view(&[]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if store.get::<bool>("go").unwrap() {
                    store.set("go", false).unwrap();
                }
            }
        });
        for _ in 0..20 {
            // The page shows what it has assigned, until it is told otherwise.
            assert_eq!(client.set("go", "true", Some("false"))["type"], "done");
            client.until("values", |told| told.message["set"] == json!([["go", "false"]]));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_writer_does_not_wait_for_a_page_that_waits_for_another() {
    let name = SegmentName::new("serve");
    let store = StructStoreShared::open(&*name).unwrap();
    store.ensure_struct("held").unwrap().set("x", 1).unwrap();
    let free = store.ensure_struct("free").unwrap();
    let viewer = Viewer::new(Source::named(&*name), &all()).unwrap();
    let client = Client::new(&viewer);
    let guard = store.at("held").unwrap().write().unwrap();
    client.ask(json!({ "type": "view", "open": ["held"], "from": 0, "count": 9 }));
    let refused = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let is_refused = |_: &i32| {
                thread::sleep(Duration::from_millis(1));
                free.within(Duration::ZERO).write().is_err()
            };
            (0..300).filter(is_refused).count()
        });
        while !writing.is_finished() {
            client.ask(json!({ "type": "view", "open": ["held"], "from": 0, "count": 9 }));
            client.until("rows", |_| true);
        }
        writing.join().unwrap()
    });
    // A reader that queues is in the way all the time.
    assert!(refused < 100, "{refused} of 300");
    drop(guard);
}

#[test]
fn a_stream_that_is_replaced_is_plotted_on() {
    let store = StructStore::new();
    let make = |depth| store.ensure_stream::<f64>("speed", Stream::depth(depth)).unwrap();
    make(10).publish(&1.0).unwrap();
    let client = Client::new(&local(&store, &all()));
    let lines = json!([{ "path": "speed" }]);
    client.ask(json!({ "type": "plot", "id": 7, "lines": lines, "from": null, "span": 100, "width": 100, "rate": 10 }));
    client.until("series", |told| numbers(&told.data).last() == Some(&1.0));
    store.delete("speed").unwrap();
    client.until("missing", |_| true);
    make(20).publish(&2.0).unwrap();
    client.until("series", |told| numbers(&told.data).last() == Some(&2.0));
}

#[test]
fn closing_leaves_no_thread() {
    let name = SegmentName::new("serve");
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("n", 0).unwrap();
    let viewer = Viewer::new(Source::named(&*name), &all()).unwrap();
    let client = Client::new(&viewer);
    let lines = json!([{ "path": "n" }]);
    client.ask(json!({ "type": "plot", "id": 7, "lines": lines, "from": null, "span": 100, "width": 100, "rate": 0.1 }));
    client.until("series", |_| true);
    assert_eq!(store.statistics().watchers, 1);
    viewer.stop(LIMIT);
    assert_eq!(store.statistics().watchers, 0);
}

#[test]
fn nonsense_is_said_and_ends_nothing() {
    let store = StructStore::new();
    store.set("n", 0).unwrap();
    let viewer = local(&store, &all());
    let client = Client::new(&viewer);
    for nonsense in
        ["", "{", "[]", r#"{"type": "nothing"}"#, r#"{"type": "view", "open": ["\ud800"], "from": 0}"#]
    {
        client.page.send(nonsense.to_owned());
        client.until("error", |_| true);
    }
    // A path that is none leads nowhere: a layout of another version may have it.
    client.ask(json!({ "type": "view", "open": ["x[18446744073709551616]", "a..b"], "from": 0, "count": 9 }));
    assert_eq!(client.rows().len(), 1);
    client.ask(json!({ "type": "vector", "id": 3, "path": "a..b", "width": 9 }));
    client.until("missing", |_| true);
    assert!(client.set("a..b", "1", None)["error"].as_str().unwrap().contains("a..b"));
    let huge = json!({ "type": "plot", "id": 7, "lines": [{ "path": "n" }], "from": -1e308, "span": 1e308, "width": 1e308, "rate": 1e308 });
    client.ask(huge);
    client.ask(json!({ "type": "view", "open": [], "from": u64::MAX, "count": u64::MAX }));
    client.until("rows", |_| true);
    client.ask(json!({ "type": "table", "id": 1, "path": "n", "row": u64::MAX, "column": 1, "rows": u64::MAX, "columns": 0, "index": [1] }));
    client.until("missing", |_| true);
}

fn parse(text: &str) -> Result<Value<'static>, String> {
    fn value(json: &Json) -> Value<'static> {
        match json {
            Json::Object(fields) => {
                let fields = fields.iter().map(|(name, json)| (name.clone(), value(json)));
                Value::record(fields.collect::<Vec<_>>())
            }
            number => Value::from(number.as_i64().unwrap()),
        }
    }
    serde_json::from_str(text).map(|json| value(&json)).map_err(|error| error.to_string())
}

/// Documents of integers and structs.
fn formats() -> Formats {
    Formats {
        yaml: |value| Ok(value.to_string()),
        json: |value| Ok(value.to_string()),
        parse,
        fill: |root, path, value| match path.is_root() {
            true => root.merge(&[], &value).map_err(|error| error.to_string()),
            false => root.set_at(path, value).map_err(|error| error.to_string()),
        },
    }
}

#[test]
fn a_document_leaves_read_only_fields_alone() {
    let store = StructStore::new();
    let arm = store.ensure_struct("arm").unwrap();
    arm.set("fixed", 1).unwrap();
    arm.set("free", 1).unwrap();
    arm.ensure_struct("inner").unwrap().set("x", 1).unwrap();
    arm.declare("fixed", &Meta::new().read_only()).unwrap();
    arm.declare("inner", &Meta::new().read_only()).unwrap();
    let before = store.to_string();
    let client = Client::new(&local(&store, &all().formats(formats())));
    let load = |path: &str, text: &str| {
        client.ask(json!({ "type": "load", "id": 9, "path": path, "text": text }));
        loop {
            let told = client.next().message;
            if told["id"] == 9 {
                return told;
            }
        }
    };
    for (path, text) in [
        ("", r#"{"arm": {"fixed": 8}}"#),
        ("arm", r#"{"free": 5, "fixed": 8}"#),
        ("arm.fixed", "8"),
        ("arm.inner", r#"{"x": 8}"#),
        ("arm.inner.x", "8"),
        ("arm", "8"),
        ("", r#"{"arm": 8}"#),
    ] {
        let told = load(path, text);
        assert_eq!(told["type"], "refused", "{path}: {text}");
        assert!(told["error"].as_str().unwrap().contains("read-only"), "{told}");
        assert_eq!(store.to_string(), before);
    }
    assert_eq!(load("", r#"{"arm": {"free": 8}}"#)["type"], "done");
    assert_eq!(arm.get::<i64>("free").unwrap(), 8);
}

#[test]
fn a_path_that_leads_nowhere_is_refused_however_long_it_is() {
    let store = StructStore::new();
    let client = Client::new(&local(&store, &all()));
    let told = client.set(&vec!["a"; 200_000].join("."), "1", None);
    assert!(told["error"].as_str().unwrap().contains("a path of 200000 steps"), "{}", told["error"]);
    assert_eq!(client.set(&vec!["a"; 200].join("."), "1", None)["type"], "refused");
}

#[test]
fn a_part_that_is_held_stops_no_other() {
    let store = StructStore::new();
    store.set("x", 0).unwrap();
    let arm = store.ensure_struct("arm").unwrap();
    arm.set("angle", 1.5).unwrap();
    let client = Client::new(&local(&store, &all()));
    client.view(&["arm"]);
    let lines = json!([{ "path": "x" }, { "path": "arm.angle" }]);
    client.ask(json!({ "type": "plot", "id": 1, "lines": lines, "from": null, "span": 60, "width": 10_000, "rate": 200 }));
    let (held, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            drop(arm.write().unwrap());
            let guard = arm.write().unwrap();
            held.send(()).unwrap();
            let _ = ended.recv();
            drop(guard);
        });
        wait.recv().unwrap();
        let end = end;
        for x in 1..=20 {
            store.set("x", x).unwrap();
            let shown = |told: &Told| {
                let text = told.message.to_string();
                text.contains(&format!("\"{x}\""))
            };
            client.until("values", shown);
        }
        end.send(()).unwrap();
    });
}
