//! A type that cannot derive anything, because it comes from another crate, in a store all the same.
//!
//! ```sh
//! cargo run -p structstore-examples --example adapters
//! ```
//!
//! Two functions written by hand are all it takes: [`to_store`] and [`from_store`]. One should see a robot as JSON in
//! the store, with its pose as a struct, its route as a list of structs and its gains as an array; then that the robot
//! read back is the one that was written; then one that another participant has moved; and at last what an adapter
//! says of a store that does not hold a robot: the error names the field.

use foreign::{Pose, Robot};
use structstore::{Array, ArrayValue, List, Result, Struct, StructStore, Value};

/// As if from another crate: nothing in here knows of StructStore.
mod foreign {
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Pose {
        pub(crate) x: f64,
        pub(crate) y: f64,
        pub(crate) heading: f64,
    }

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Robot {
        pub(crate) name: String,
        pub(crate) battery: f32,
        pub(crate) pose: Pose,
        pub(crate) route: Vec<Pose>,
        pub(crate) gains: Vec<f64>,
    }
}

/// Makes a struct of a store hold a robot and nothing else, in one operation.
fn to_store(robot: &Robot, store: &Struct) -> Result<()> {
    let route: Vec<Value<'_>> = robot.route.iter().map(pose_value).collect();
    store.assign_all(Value::record([
        ("name", Value::from(&robot.name)),
        ("battery", robot.battery.into()),
        ("pose", pose_value(&robot.pose)),
        ("route", route.into()),
        // An array is one block of numbers: a NumPy array in Python.
        ("gains", ArrayValue::from_slice(&[robot.gains.len()], &robot.gains)?.into()),
    ]))
}

fn pose_value(pose: &Pose) -> Value<'static> {
    Value::record([("x", Value::from(pose.x)), ("y", pose.y.into()), ("heading", pose.heading.into())])
}

/// Reads a robot out of a struct of a store, as of one moment.
fn from_store(store: &Struct) -> Result<Robot> {
    // Nobody changes it while this lives.
    let guard = store.read()?;
    let route: List = store.get("route")?;
    Ok(Robot {
        name: guard.get("name")?,
        battery: guard.get("battery")?,
        pose: pose_from_store(&store.at("pose")?)?,
        route: (0..route.len()?).map(|index| pose_from_store(&route.get(index)?)).collect::<Result<_>>()?,
        gains: store.get::<Array>("gains")?.to_vec()?,
    })
}

fn pose_from_store(store: &Struct) -> Result<Pose> {
    Ok(Pose { x: store.get("x")?, y: store.get("y")?, heading: store.get("heading")? })
}

fn main() -> Result<()> {
    let robot = Robot {
        name: "rover".into(),
        battery: 0.75,
        pose: Pose { x: 1.0, y: 2.0, heading: 0.5 },
        route: vec![Pose { x: 4.0, y: 2.0, heading: 0.0 }, Pose { x: 4.0, y: 6.0, heading: 1.5 }],
        gains: vec![0.5, 0.25, 0.125],
    };

    // A store in shared memory works just the same.
    let store = StructStore::new();
    let slot = store.nested("robot")?;
    to_store(&robot, &slot)?;
    println!("in the store: {store}");

    let read_back = from_store(&slot)?;
    assert_eq!(read_back, robot);
    println!("read back, and equal: {read_back:?}");

    // Others need not know the type: to them it is fields like any others.
    store.at("robot")?.at("pose")?.set("x", 3.5)?;
    store.at("robot")?.list("route")?.pop()?;
    let moved = from_store(&slot)?;
    assert_eq!(moved.pose, Pose { x: 3.5, ..robot.pose });
    assert_eq!(moved.route, robot.route[..1]);
    println!("moved by another: {:?}, {} pose left on its route", moved.pose, moved.route.len());

    store.at("robot")?.at("pose")?.set("x", "far away")?;
    let error = from_store(&slot).expect_err("a text is no coordinate");
    println!("not a robot any more: {error}");
    Ok(())
}
