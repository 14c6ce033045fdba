//! Two stores, two mirrors, and what happens between them.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::{Start, Stream};
use structstore::{ArrayValue, Cleanup, Item, Meta, StructStoreShared, Value};
use structstore_mirror::{Error, Mirror, Network, Options, Part, keygen};
use structstore_tests::SegmentName;
use zenoh::Wait;

const LIMIT: Duration = Duration::from_secs(120);

fn at(text: &str) -> Path {
    text.parse().unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A port that nobody has now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A store that is owned, and where it is sent to.
struct Robot {
    name: SegmentName,
    store: StructStoreShared,
    port: u16,
}

impl Robot {
    fn new() -> Robot {
        let name = SegmentName::new("robot");
        let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&*name).unwrap();
        Robot { name, store, port: port() }
    }

    fn network(&self) -> Network {
        Network::new().insecure(true).lease(Duration::from_millis(800))
    }

    fn endpoint(&self) -> String {
        format!("tcp/127.0.0.1:{}", self.port)
    }

    fn own(&self, options: Options) -> Mirror {
        Mirror::start(&*self.name, &self.network().listen(self.endpoint()), options.key("robot")).unwrap()
    }
}

/// A store that follows.
struct Desk {
    name: SegmentName,
}

impl Desk {
    fn new() -> Desk {
        Desk { name: SegmentName::new("desk") }
    }

    fn follow(&self, robot: &Robot, options: Options) -> Mirror {
        let network = robot.network().connect(robot.endpoint());
        Mirror::start(&*self.name, &network, options.key("robot")).unwrap()
    }

    fn store(&self) -> StructStoreShared {
        let start = Instant::now();
        loop {
            match StructStoreShared::options().create(false).open(&*self.name) {
                Ok(store) => return store,
                Err(_) => assert!(start.elapsed() < LIMIT),
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = StructStoreShared::unlink(&*self.name);
    }
}

fn part(mirror: &Mirror) -> Part {
    mirror.status().parts[0].clone()
}

fn everything(store: &StructStoreShared) {
    store.set("null", Value::Null).unwrap();
    store.set("flag", true).unwrap();
    store.set("i8", -8_i8).unwrap();
    store.set("u64", u64::MAX).unwrap();
    store.set("f32", 0.1_f32).unwrap();
    store.set("nan", f64::NAN).unwrap();
    store.set("text", "größe \"quoted\"").unwrap();
    store.set("bytes", Value::bytes(vec![0_u8, 255])).unwrap();
    store
        .set(
            "list",
            Value::list([Value::from(1), Value::from("two"), Value::record([("n", Value::from(3))])]),
        )
        .unwrap();
    store.set("matrix", ArrayValue::from_slice(&[2, 2], &[1.0_f32, 2.0, 3.0, 4.0]).unwrap()).unwrap();
    store.set("large", vec![7_u8; 100_000]).unwrap();
    let arm = store.ensure_struct("arm").unwrap();
    arm.set("a.b", 0.5).unwrap();
    arm.ensure_struct("wrist").unwrap().set("angle", 1.5).unwrap();
    arm.declare("a.b", &Meta::new().range(0.0..=1.0).unit("rad").description("An angle.")).unwrap();
}

/// What both have is the same, exactly, metadata included.
fn equal(one: &StructStoreShared, other: &StructStoreShared) -> bool {
    let bytes = |store: &StructStoreShared| {
        let mut value = store.to_value().unwrap();
        sort(&mut value);
        format!("{value:?}")
    };
    bytes(one) == bytes(other)
}

fn sort(value: &mut Value<'_>) {
    match value {
        Value::Struct(fields) => {
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            fields.iter_mut().for_each(|(_, value)| sort(value));
        }
        Value::List(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

#[test]
fn a_store_is_the_same_elsewhere() {
    let (robot, desk) = (Robot::new(), Desk::new());
    everything(&robot.store);
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
    let owner = robot.own(Options::new().own(Path::ROOT));
    let copy = desk.store();
    until("the state", || equal(&robot.store, &copy));
    let meta = copy.get_at::<structstore::Struct>("arm").unwrap().meta("a.b").unwrap();
    assert_eq!((meta.unit.as_ref(), meta.description.as_ref()), ("rad", "An angle."));
    // Changes of all sorts.
    robot.store.set_at("arm.wrist.angle", 2.5).unwrap();
    robot.store.set("i8", "another kind").unwrap();
    robot.store.delete("null").unwrap();
    robot.store.set_at("list[0]", 100).unwrap();
    robot.store.set("large", vec![8_u8; 200_000]).unwrap();
    robot.store.set("new", Value::record([("inner", Value::record([("x", Value::from(5))]))])).unwrap();
    until("changes", || equal(&robot.store, &copy));
    // What was declared after the fact comes with the next change.
    robot.store.declare("u64", &Meta::new().unit("m")).unwrap();
    robot.store.set("u64", 5_u64).unwrap();
    until("metadata", || copy.meta("u64").is_ok_and(|meta| meta.unit == "m"));
    // A large array that becomes something else, and the other way round.
    robot.store.set("large", 1).unwrap();
    robot.store.set("flag", vec![1_u8; 100_000]).unwrap();
    until("kinds", || equal(&robot.store, &copy));
    robot.store.undeclare("u64").unwrap();
    robot.store.clear().unwrap();
    until("nothing", || copy.is_empty().unwrap());
    let status = part(&follower);
    assert!(status.connected && status.errors.is_empty() && status.owner.is_some(), "{status:?}");
    assert_eq!((status.reverted, status.refused), (0, 0), "{:?}", follower.remarks());
    owner.stop().unwrap();
    until("the end", || !part(&follower).connected);
    follower.stop().unwrap();
    // It stays.
    assert!(StructStoreShared::options().create(false).open(&*desk.name).is_ok());
}

#[test]
fn transactions_are_in_one_piece() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let pair = robot.store.ensure_struct("pair").unwrap();
    pair.update([("a", 0_i64), ("b", 0_i64)]).unwrap();
    let _owner = robot.own(Options::new().own(at("pair")).rate(1000.0));
    let follower = desk.follow(&robot, Options::new().follow(at("pair")));
    let copy = desk.store();
    until("the state", || copy.get_at::<i64>("pair.a").is_ok());
    let (mut looks, start) = (0, Instant::now());
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 1..=2000_i64 {
                pair.update([("a", n), ("b", -n)]).unwrap();
                thread::sleep(Duration::from_micros(300));
            }
        });
        while !writer.is_finished() || copy.get_at::<i64>("pair.a").unwrap() != 2000 {
            assert!(start.elapsed() < LIMIT);
            let value = copy.get_at::<Value<'static>>("pair").unwrap();
            let [a, b] = ["a", "b"].map(|name| i64::try_from(value.get(name).unwrap()).unwrap());
            assert_eq!(a, -b);
            looks += 1;
        }
    });
    assert!(looks > 100 && part(&follower).reverted == 0, "{looks} {:?}", part(&follower));
}

/// Numbers that differ from one call to the next, the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn value(&mut self, depth: u64) -> Value<'static> {
        match self.below(if depth < 3 { 11 } else { 9 }) {
            0 => Value::Null,
            1 => Value::from(self.below(2) == 0),
            2 => Value::from(self.below(1 << 40)),
            3 => Value::from(self.below(256) as u8),
            4 => Value::from(f64::NAN),
            5 => Value::from(self.below(1000) as f64 / 7.0),
            6 => Value::from("x".repeat(self.below(100) as usize)),
            7 => Value::bytes(vec![7; self.below(100) as usize]),
            8 => {
                // Some travel on their own.
                let length = if self.below(8) == 0 { 20_000 } else { 20 };
                Value::from(ArrayValue::from_slice(&[length], &vec![self.below(9) as f64; length]).unwrap())
                    .into_owned()
            }
            9 => Value::list((0..self.below(4)).map(|_| self.value(depth + 1)).collect::<Vec<_>>()),
            _ => Value::record((0..self.below(4)).map(|at| (format!("f{at}"), self.value(depth + 1)))),
        }
    }
}

#[test]
fn random_changes_end_in_equal_stores() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot.store.set("f0", 0).unwrap();
    let _owner = robot.own(Options::new().own(Path::ROOT).rate(1000.0));
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
    let copy = desk.store();
    let mut draws = Draws(88_172_645_463_325_252);
    for turn in 0..10_000 {
        let path = match draws.below(3) {
            0 => format!("f{}", draws.below(6)),
            _ => format!("f{}.f{}", draws.below(6), draws.below(4)),
        };
        // Where there is no such place, nothing happens.
        let _ = match draws.below(5) {
            0 => robot.store.remove_at(&path).map(drop),
            _ => robot.store.set_at(&path, draws.value(0)),
        };
        if turn % 1000 == 999 {
            until("equal", || equal(&robot.store, &copy));
        }
    }
    let status = part(&follower);
    assert!(status.errors.is_empty() && status.reverted == 0, "{status:?} {:?}", follower.remarks());
}

#[test]
fn streams_arrive_as_streams() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let imu = robot.store.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    imu.publish(&-1.0).unwrap();
    let _owner = robot.own(Options::new().own(Path::ROOT));
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
    let copy = desk.store();
    until("the stream", || copy.get::<Item>("imu").is_ok() && part(&follower).connected);
    let there = copy.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    let mut follow = there.follow(Start::Next);
    for n in 0..500 {
        imu.publish(&f64::from(n)).unwrap();
        if n % 100 == 0 {
            thread::sleep(Duration::from_millis(20));
        }
    }
    // One that is new.
    let frame = robot.store.ensure_stream::<[u8]>("frame", Stream::array([100, 100]).depth(10)).unwrap();
    frame.publish(&[9; 10_000]).unwrap();
    let mut found = Vec::new();
    until("samples", || {
        while let Some(sample) = follow.try_next().unwrap() {
            assert_eq!(sample.missed, 0);
            found.push(sample.value);
        }
        found.last() == Some(&499.0)
    });
    assert_eq!(found.len(), 500);
    until("the frame", || {
        copy.get::<Item>("frame").is_ok()
            && copy.get::<Value<'static>>("frame").is_ok_and(|value| value.to_string().contains('9'))
    });
    assert_eq!((part(&follower).missed, part(&follower).reverted), (0, 0));
}

#[test]
fn what_is_changed_here_is_reverted() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let arm = robot.store.ensure_struct("arm").unwrap();
    arm.update([("x", 1.0), ("y", 2.0)]).unwrap();
    let _owner = robot.own(Options::new().own(at("arm")));
    let follower = desk.follow(&robot, Options::new().follow(at("arm")));
    let copy = desk.store();
    until("the state", || copy.get_at::<f64>("arm.y").is_ok());
    // What is not followed is nobody's business.
    copy.set("own", 5).unwrap();
    copy.set_at("arm.x", 7.0).unwrap();
    until("x", || copy.get_at::<f64>("arm.x").unwrap() == 1.0);
    copy.set_at("arm.extra", 7.0).unwrap();
    until("extra", || copy.get_at::<f64>("arm.extra").is_err());
    copy.remove_at("arm.y").unwrap();
    until("y", || copy.get_at::<f64>("arm.y").is_ok_and(|y| y == 2.0));
    copy.delete("arm").unwrap();
    until("arm", || copy.get_at::<f64>("arm.x").is_ok_and(|x| x == 1.0));
    assert_eq!(copy.get::<i64>("own").unwrap(), 5);
    assert!(part(&follower).reverted >= 4);
    let remarks = follower.remarks();
    assert!(remarks.iter().any(|remark| remark == "arm.extra: local change to 7.0 reverted"), "{remarks:?}");
    // The owner goes on.
    arm.set("x", 3.0).unwrap();
    until("goes on", || copy.get_at::<f64>("arm.x").is_ok_and(|x| x == 3.0));
    assert_eq!(robot.store.to_string(), r#"{"arm": {"x": 3.0, "y": 2.0}}"#);
}

#[test]
fn what_is_changed_here_reaches_the_owner_under_its_limits() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let arm = robot.store.ensure_struct("arm").unwrap();
    arm.update([("kp", 1.0), ("ki", 2.0)]).unwrap();
    robot.store.set("mode", "auto").unwrap();
    let _owner = robot.own(Options::new().own(at("arm")).write(true));
    let follower = desk.follow(&robot, Options::new().follow(at("arm")).write(true));
    let copy = desk.store();
    until("the state", || copy.get_at::<f64>("arm.ki").is_ok());
    copy.set_at("arm.kp", 4.5).unwrap();
    until("the owner has it", || arm.get::<f64>("kp").unwrap() == 4.5);
    copy.set_at("arm.new", "field").unwrap();
    until("the owner has the new one", || arm.get::<String>("new").is_ok());
    copy.remove_at("arm.new").unwrap();
    until("it is gone", || !arm.contains("new").unwrap());
    assert_eq!(copy.get_at::<f64>("arm.kp").unwrap(), 4.5);
    // A limit that the follower does not know yet.
    arm.declare("kp", &Meta::new().range(0.0..=5.0)).unwrap();
    let refused = part(&follower).refused;
    if copy.set_at("arm.kp", 50.0).is_ok() {
        until("it was refused", || part(&follower).refused > refused);
    }
    until("it is as before", || copy.get_at::<f64>("arm.kp").unwrap() == 4.5);
    assert_eq!(arm.get::<f64>("kp").unwrap(), 4.5);
    // What is no part of it cannot be changed, and is not sent.
    copy.set("mode", "manual").unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(robot.store.get::<String>("mode").unwrap(), "auto");
}

#[test]
fn both_ends_come_and_go() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot.store.set("n", 0).unwrap();
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT).show_status(true));
    let copy = desk.store();
    for n in 1..=3 {
        robot.store.set("n", n).unwrap();
        let owner = robot.own(Options::new().own(Path::ROOT));
        until("it is there", || copy.get::<i64>("n").is_ok_and(|found| found == n));
        until("it says so", || copy.get_at::<bool>("@mirror.connected").is_ok_and(|connected| connected));
        robot.store.set("n", n + 100).unwrap();
        until("it changes", || copy.get::<i64>("n").is_ok_and(|found| found == n + 100));
        owner.stop().unwrap();
        until("it is gone", || !part(&follower).connected);
        until("it says so, too", || {
            copy.get_at::<bool>("@mirror.connected").is_ok_and(|connected| !connected)
        });
    }
    follower.stop().unwrap();
    // One that comes late, and is started again.
    let _owner = robot.own(Options::new().own(Path::ROOT));
    for n in 1000..1003 {
        robot.store.set("n", n).unwrap();
        let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
        until("it is there again", || copy.get::<i64>("n").is_ok_and(|found| found == n));
        follower.stop().unwrap();
    }
}

#[test]
fn a_part_has_one_owner() {
    let robot = Robot::new();
    robot.store.set("n", 0).unwrap();
    let first = robot.own(Options::new().own(Path::ROOT));
    until("it owns", || part(&first).connected);
    let network = robot.network().connect(robot.endpoint());
    let second = Mirror::start(&*robot.name, &network, Options::new().own(Path::ROOT).key("robot")).unwrap();
    until("the second one ends", || !second.is_running());
    let Err(Error::Owned { owner, .. }) = second.stop() else { panic!("two owners") };
    assert!(owner.ends_with(&std::process::id().to_string()), "{owner}");
    assert!(first.is_running());
}

/// On both sides of a broken link somebody owns the part; when it is whole again, the older one stays.
#[test]
fn an_older_owner_that_lives_ends_the_younger_and_one_that_dies_does_not() {
    let robot = Robot::new();
    let owner = robot.own(Options::new().own(at("arm")));
    until("it owns", || part(&owner).connected);
    let session =
        session(&[("mode", r#""peer""#), ("connect/endpoints", &format!("[{:?}]", robot.endpoint()))]);
    // Of 2020, and so the older one.
    let key = "structstore/1/robot/@p/arm/@owner/01600000000000000000%20far%201";
    // What no owner is called.
    let keys = ["1%20far%201", "01600000000000000000%20far", "x%20far%201"];
    let declare = |key| {
        let key = format!("structstore/1/robot/@p/arm/@owner/{key}");
        session.liveliness().declare_token(key).wait().unwrap()
    };
    let _tokens = keys.map(declare);
    let older = session.liveliness().declare_token(key).wait().unwrap();
    thread::sleep(Duration::from_millis(200));
    older.undeclare().wait().unwrap();
    thread::sleep(Duration::from_millis(4000));
    assert!(owner.is_running());
    let _older = session.liveliness().declare_token(key).wait().unwrap();
    until("it ends", || !owner.is_running());
    let Err(Error::Owned { owner, .. }) = owner.stop() else { panic!("two owners") };
    assert_eq!(owner, "far 1");
}

/// A session of Zenoh without a mirror.
fn session(settings: &[(&str, &str)]) -> zenoh::Session {
    let mut config = zenoh::Config::default();
    for (key, value) in [&[("scouting/multicast/enabled", "false")], settings].concat() {
        config.insert_json5(key, value).unwrap();
    }
    zenoh::open(config).wait().unwrap()
}

#[test]
fn mirrors_reach_each_other_through_a_router() {
    let (robot, desk) = (Robot::new(), Desk::new());
    everything(&robot.store);
    let router = || {
        let endpoints = format!("[{:?}]", robot.endpoint());
        session(&[("mode", r#""router""#), ("listen/endpoints", &endpoints)])
    };
    let first = router();
    let network = robot.network().connect(robot.endpoint());
    let owner = Mirror::start(&*robot.name, &network, Options::new().own(Path::ROOT).key("robot")).unwrap();
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
    let copy = desk.store();
    until("the state", || equal(&robot.store, &copy));
    first.close().wait().unwrap();
    robot.store.set("while it was away", 1).unwrap();
    let _second = router();
    until("the change", || equal(&robot.store, &copy));
    follower.stop().unwrap();
    owner.stop().unwrap();
}

#[test]
fn fields_of_other_types_do_not_stop_the_rest() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot
        .store
        .ensure_struct("arm")
        .unwrap()
        .update([("x", Value::from("text")), ("y", Value::from(1))])
        .unwrap();
    let copy = StructStoreShared::options().cleanup(Cleanup::Never).open(&*desk.name).unwrap();
    let arm = copy.ensure_struct("arm").unwrap();
    arm.set("x", 5_u8).unwrap();
    arm.declare("x", &Meta::new().range(0_u8..=9)).unwrap();
    let _owner = robot.own(Options::new().own(at("arm")));
    let follower = desk.follow(&robot, Options::new().follow(at("arm")));
    until("the rest", || arm.get::<i64>("y").is_ok_and(|y| y == 1));
    until("the error", || part(&follower).errors.iter().any(|(path, _)| *path == at("arm.x")));
    robot.store.set_at("arm.y", 2).unwrap();
    until("it goes on", || arm.get::<i64>("y").is_ok_and(|y| y == 2));
    assert_eq!(arm.get::<u8>("x").unwrap(), 5);
    robot.store.set_at("arm.x", 7_u8).unwrap();
    until("the error is gone", || part(&follower).errors.is_empty());
    assert_eq!(arm.get::<u8>("x").unwrap(), 7);
}

#[test]
fn certificates_decide_who_takes_part() {
    let (robot, folder) = (Robot::new(), tempfile::tempdir().unwrap());
    robot.store.set("n", 5).unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    keygen(&ours, &names(&["127.0.0.1", "desk", "guest"])).unwrap();
    keygen(&theirs, &names(&["desk"])).unwrap();
    let certified = |network: Network, folder: &std::path::Path, name: &str| {
        let file = |name: &str| folder.join(name);
        network.certificates(file("ca.pem"), file(&format!("{name}.pem")), file(&format!("{name}.key")))
    };
    let endpoint = format!("tls/127.0.0.1:{}", robot.port);
    let lease = || Network::new().lease(Duration::from_millis(800));
    let network = certified(lease().listen(&endpoint).allow("desk"), &ours, "127.0.0.1");
    let owner = Mirror::start(&*robot.name, &network, Options::new().own(Path::ROOT).key("robot")).unwrap();
    until("it owns", || part(&owner).connected);
    let start = |desk: &Desk, network: Network| {
        Mirror::start(&*desk.name, &network, Options::new().follow(Path::ROOT).key("robot")).unwrap()
    };
    let [welcome, guest, stranger, plain] = [(); 4].map(|()| Desk::new());
    let mirrors = [
        start(&guest, certified(lease().connect(&endpoint), &ours, "guest")),
        start(&stranger, certified(lease().connect(&endpoint), &theirs, "desk")),
        start(&plain, lease().insecure(true).connect(format!("tcp/127.0.0.1:{}", robot.port))),
        start(&welcome, certified(lease().connect(&endpoint), &ours, "desk")),
    ];
    until("who may has it", || welcome.store().get::<i64>("n").is_ok());
    thread::sleep(Duration::from_secs(2));
    for (desk, mirror) in [&guest, &stranger, &plain].into_iter().zip(&mirrors) {
        assert!(desk.store().is_empty().unwrap() && !part(mirror).connected);
    }
}

#[test]
fn what_is_excluded_stays_and_others_are_told() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let camera = robot.store.ensure_struct("camera").unwrap();
    camera.update([("raw", 1), ("gain", 2)]).unwrap();
    let raw = || vec![at("camera.raw")];
    let options = |options: Options| raw().into_iter().fold(options, Options::exclude);
    let network = robot.network().listen(robot.endpoint());
    let owning = options(Options::new().own(Path::ROOT).publish(true).key("robot"));
    let _owner = Mirror::start(&*robot.name, &network, owning).unwrap();
    // Somebody who knows nothing of stores.
    let mut config = zenoh::Config::default();
    for (key, value) in [
        ("scouting/multicast/enabled", "false".to_owned()),
        ("connect/endpoints", format!("[\"{}\"]", robot.endpoint())),
    ] {
        config.insert_json5(key, &value).unwrap();
    }
    let session = zenoh::open(config).wait().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let take = move |sample: zenoh::sample::Sample| {
        let text = String::from_utf8(sample.payload().to_bytes().to_vec()).unwrap();
        let _ = sender.send(format!("{} {text}", sample.key_expr()));
    };
    let _all = session.declare_subscriber("**").callback(take).wait().unwrap();
    let copy = StructStoreShared::options().cleanup(Cleanup::Never).open(&*desk.name).unwrap();
    copy.ensure_struct("camera").unwrap().set("raw", "my own").unwrap();
    let follower = desk.follow(&robot, options(Options::new().follow(Path::ROOT)));
    until("the state", || copy.get_at::<i64>("camera.gain").is_ok());
    camera.set("raw", 100).unwrap();
    let mut gain = 100;
    until("others are told", || {
        gain += 1;
        camera.set("gain", gain).unwrap();
        thread::sleep(Duration::from_millis(20));
        told.try_iter().any(|text| text.starts_with("robot/camera/gain 1"))
    });
    robot.store.set("camera", Value::record([("raw", Value::from(7)), ("gain", Value::from(-1))])).unwrap();
    until("the rest", || copy.get_at::<i64>("camera.gain").is_ok_and(|gain| gain == -1));
    assert_eq!(copy.get_at::<String>("camera.raw").unwrap(), "my own");
    assert_eq!(part(&follower).reverted, 0, "{:?}", follower.remarks());
    // Neither what replaces the struct, nor its end, takes what is excluded with it.
    robot.store.set("camera", 5).unwrap();
    until("it says so", || part(&follower).errors.iter().any(|(_, error)| error.contains("camera.raw")));
    assert_eq!(copy.get_at::<String>("camera.raw").unwrap(), "my own");
    robot.store.delete("camera").unwrap();
    until("the rest is gone", || copy.get_at::<i64>("camera.gain").is_err());
    assert_eq!(copy.get_at::<String>("camera.raw").unwrap(), "my own");
    assert!(!told.try_iter().any(|text| text.contains("raw") || text.contains('@')));
}

#[test]
fn what_is_declared_converges() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let arm = robot.store.ensure_struct("arm").unwrap();
    arm.update([("x", 0.5), ("y", 1.0)]).unwrap();
    let unit = |unit: &'static str| Meta::new().unit(unit);
    arm.declare("x", &Meta::new().range(0.0..=1.0)).unwrap();
    arm.declare("y", &unit("m")).unwrap();
    let _owner = robot.own(Options::new().own(at("arm")));
    let follow = || desk.follow(&robot, Options::new().follow(at("arm")));
    let follower = follow();
    let copy = desk.store();
    let there = || copy.get_at::<structstore::Struct>("arm").unwrap();
    until("the state", || copy.get_at::<f64>("arm.y").is_ok() && there().meta("x").unwrap().has_limits());
    // Wider limits, and a value beyond the old ones.
    arm.undeclare("x").unwrap();
    arm.declare("x", &Meta::new().range(0.0..=10.0)).unwrap();
    arm.set("x", 5.0).unwrap();
    until("wider limits", || there().get::<f64>("x").is_ok_and(|x| x == 5.0));
    // One that goes and comes back.
    arm.delete_forced("y").unwrap();
    until("it is gone", || there().get::<f64>("y").is_err());
    arm.set("y", 2.0).unwrap();
    arm.declare("y", &unit("m")).unwrap();
    arm.set("y", 3.0).unwrap();
    until("it is back", || there().meta("y").is_ok_and(|meta| meta.unit == "m"));
    // While nobody follows.
    follower.stop().unwrap();
    arm.delete_forced("y").unwrap();
    arm.undeclare("x").unwrap();
    arm.declare("x", &Meta::new().range(-100.0..=100.0)).unwrap();
    arm.set("x", -50.0).unwrap();
    let follower = follow();
    until("after a while", || {
        there().get::<f64>("x").is_ok_and(|x| x == -50.0) && there().get::<f64>("y").is_err()
    });
    let status = part(&follower);
    assert!(status.errors.is_empty(), "{status:?}");
}

#[test]
fn what_is_taken_back_at_once_is_told() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot.store.ensure_struct("arm").unwrap().set("command", 0).unwrap();
    let _owner = robot.own(Options::new().own(at("arm")).write(true));
    let _follower = desk.follow(&robot, Options::new().follow(at("arm")).write(true));
    let copy = desk.store();
    until("the state", || copy.get_at::<i64>("arm.command").is_ok());
    // A program that takes each command.
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Not longer than what it is waited for, lest a failure hangs.
            let start = Instant::now();
            while !done.load(std::sync::atomic::Ordering::Relaxed) && start.elapsed() < 2 * LIMIT {
                if robot.store.get_at::<i64>("arm.command").unwrap() != 0 {
                    robot.store.set_at("arm.command", 0).unwrap();
                }
            }
        });
        for command in 1..=10 {
            copy.set_at("arm.command", command).unwrap();
            until("it was taken", || copy.get_at::<i64>("arm.command").unwrap() == 0);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Samples of a stream, published until this is dropped.
struct Publisher(std::sync::Arc<std::sync::atomic::AtomicBool>, Option<thread::JoinHandle<()>>);

impl Publisher {
    fn new(stream: Stream<f64>) -> Publisher {
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ends = std::sync::Arc::clone(&over);
        let publish = move || {
            let mut n = 0.0;
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                stream.publish(&n).unwrap();
                n += 1.0;
                thread::sleep(Duration::from_millis(2));
            }
        };
        Publisher(over, Some(thread::spawn(publish)))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = self.1.take().unwrap().join();
    }
}

#[test]
fn what_somebody_holds_keeps_nothing_else_back() {
    let (robot, desk) = (Robot::new(), Desk::new());
    let arm = robot.store.ensure_struct("arm").unwrap();
    arm.update([("x", 1.0), ("y", 2.0)]).unwrap();
    robot.store.set("n", 0).unwrap();
    let imu = robot.store.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    let _owner = robot.own(Options::new().own(Path::ROOT).write(true));
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT).write(true));
    let copy = desk.store();
    until("the state", || copy.get_at::<f64>("arm.y").is_ok() && copy.get::<Item>("imu").is_ok());
    let there = copy.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    // A state, which is of one moment, takes a moment in which nobody holds anything: none is still asked for.
    for n in -20..0 {
        robot.store.set("n", n).unwrap();
        until("it goes on", || copy.get::<i64>("n").is_ok_and(|found| found == n));
        thread::sleep(Duration::from_millis(20));
    }
    let publisher = Publisher::new(imu);
    let mut follow = there.follow(Start::Next);
    let (held, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let arm = arm.clone();
        scope.spawn(move || {
            drop(arm.write().unwrap());
            let guard = arm.write().unwrap();
            held.send(()).unwrap();
            ended.recv().unwrap();
            drop(guard);
        });
        wait.recv().unwrap();
        // Also if what follows fails.
        let end = end;
        // A request that waits for the lock, too.
        copy.set_at("arm.x", 5.0).unwrap();
        for n in 1..=5 {
            robot.store.set("n", n).unwrap();
            until("others go on", || copy.get::<i64>("n").is_ok_and(|found| found == n));
            let mut samples = 0;
            until("samples go on", || {
                samples += usize::from(follow.try_next().unwrap().is_some());
                samples > 100
            });
        }
        end.send(()).unwrap();
    });
    drop(publisher);
    arm.set("y", 3.0).unwrap();
    until("it goes on as well", || copy.get_at::<f64>("arm.y").is_ok_and(|y| y == 3.0));
    assert_eq!(part(&follower).missed, 0);
}

#[test]
fn many_questions_keep_nothing_back() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot.store.set("large", "x".repeat(5 << 20)).unwrap();
    let imu = robot.store.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    let _owner = robot.own(Options::new().own(Path::ROOT));
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT));
    let copy = desk.store();
    until("the state", || copy.get::<Item>("imu").is_ok() && part(&follower).connected);
    let there = copy.ensure_stream::<f64>("imu", Stream::depth(1000)).unwrap();
    let _publisher = Publisher::new(imu);
    let mut follow = there.follow(Start::Next);
    let session =
        session(&[("mode", r#""peer""#), ("connect/endpoints", &format!("[{:?}]", robot.endpoint()))]);
    let over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                // The answer is nobody's.
                let asked = session.get("structstore/1/robot/@p/./@state").callback(|_| ());
                let _ = asked.wait();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut samples = 0;
        until("samples go on", || {
            samples += usize::from(follow.try_next().unwrap().is_some());
            samples > 1000
        });
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_struct_that_stays_for_what_is_excluded_is_no_change() {
    let (robot, desk) = (Robot::new(), Desk::new());
    robot.store.ensure_struct("arm").unwrap().set("x", 1).unwrap();
    let _owner = robot.own(Options::new().own(Path::ROOT).write(true));
    let follower = desk.follow(&robot, Options::new().follow(Path::ROOT).write(true).exclude(at("arm.raw")));
    let copy = desk.store();
    until("the state", || copy.get_at::<i64>("arm.x").is_ok());
    copy.set_at("arm.raw", "my own").unwrap();
    robot.store.delete("arm").unwrap();
    until("x is gone", || copy.get_at::<i64>("arm.x").is_err());
    robot.store.ensure_struct("arm").unwrap().set("x", 2).unwrap();
    until("x is back", || copy.get_at::<i64>("arm.x").is_ok_and(|x| x == 2));
    // One that is made there, with what is excluded in it.
    copy.set("arm", Value::record([("raw", Value::from("mine")), ("x", Value::from(3))])).unwrap();
    until("the owner has it", || robot.store.get_at::<i64>("arm.x").is_ok_and(|x| x == 3));
    thread::sleep(Duration::from_millis(300));
    let before = part(&follower).seq;
    thread::sleep(Duration::from_millis(300));
    assert_eq!(part(&follower).seq, before, "nothing goes back and forth");
    assert_eq!(robot.store.to_string(), r#"{"arm": {"x": 3}}"#);
    assert_eq!(copy.get_at::<String>("arm.raw").unwrap(), "mine");
    assert_eq!((part(&follower).reverted, part(&follower).refused), (0, 0), "{:?}", follower.remarks());
}
