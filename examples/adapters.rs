//! Types of another crate, which know nothing of StructStore and must not be touched, in a store: three ways side by side.
//!
//! ```sh
//! cargo run -p structstore-examples --example adapters
//! ```
//!
//! - By hand: [`by_hand::to_store`] and [`by_hand::from_store`] say what becomes of each field. For types that implement
//!   nothing at all.
//! - By serde: `set_serde` and `get_serde` take whatever implements serde's traits, as many crates' types do. Vectors become lists.
//! - As a field: a module that `#[structstore(with = "as_field")]` names makes the type a field of a bound struct, with
//!   guards that lend what is stored.
//!
//! One should see the same robot as JSON in the store by each of the ways, and read back by each of them; then what each
//! reads after another participant has moved the robot; and at last what each says of a store that does not hold a robot:
//! the errors name the field.

use foreign::{Pose, Robot};
use structstore::{Array, Result, StructStore};

/// As if from another crate: nothing in here knows of StructStore.
mod foreign {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Pose {
        pub(crate) x: f64,
        pub(crate) y: f64,
        pub(crate) heading: f64,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Robot {
        pub(crate) name: String,
        pub(crate) battery: f32,
        pub(crate) pose: Pose,
        pub(crate) route: Vec<Pose>,
        pub(crate) gains: Vec<f64>,
    }
}

/// Two functions over the dynamic API.
mod by_hand {
    use structstore::{Array, ArrayValue, List, Result, Struct, Value};

    use crate::foreign::{Pose, Robot};

    /// Makes a struct of a store hold a robot and nothing else, in one operation.
    pub(crate) fn to_store(robot: &Robot, store: &Struct) -> Result<()> {
        let route: Vec<Value<'_>> = robot.route.iter().map(pose_value).collect();
        store.replace(Value::record([
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
    pub(crate) fn from_store(store: &Struct) -> Result<Robot> {
        // Nobody changes it while this lives.
        let guard = store.read()?;
        let route: List = store.get("route")?;
        Ok(Robot {
            name: guard.get("name")?,
            battery: guard.get("battery")?,
            pose: pose_from_store(&store.at("pose")?)?,
            route: (0..route.len()?)
                .map(|index| pose_from_store(&route.get(index)?))
                .collect::<Result<_>>()?,
            gains: store.get::<Array>("gains")?.to_vec()?,
        })
    }

    fn pose_from_store(store: &Struct) -> Result<Pose> {
        Ok(Pose { x: store.get("x")?, y: store.get("y")?, heading: store.get("heading")? })
    }
}

/// A `with` module: what is stored in place of a robot, and the way there and back.
mod as_field {
    use structstore::StructStore;

    use crate::foreign::{Pose, Robot};

    /// A pose is three numbers in here, which a guard lends as `&mut [f64; 3]`.
    #[derive(StructStore)]
    pub(crate) struct Stored {
        pub(crate) name: String,
        pub(crate) battery: f32,
        pub(crate) pose: [f64; 3],
        pub(crate) route: Vec<[f64; 3]>,
        pub(crate) gains: Vec<f64>,
    }

    pub(crate) fn to_stored(robot: &Robot) -> Stored {
        let numbers = |pose: &Pose| [pose.x, pose.y, pose.heading];
        Stored {
            name: robot.name.clone(),
            battery: robot.battery,
            pose: numbers(&robot.pose),
            route: robot.route.iter().map(numbers).collect(),
            gains: robot.gains.clone(),
        }
    }

    /// Refuses what no robot can be.
    pub(crate) fn from_stored(stored: Stored) -> Result<Robot, &'static str> {
        let pose = |[x, y, heading]: [f64; 3]| Pose { x, y, heading };
        if !(0.0..=1.0).contains(&stored.battery) {
            return Err("a battery is charged from 0 to 1");
        }
        Ok(Robot {
            name: stored.name,
            battery: stored.battery,
            pose: pose(stored.pose),
            route: stored.route.into_iter().map(pose).collect(),
            gains: stored.gains,
        })
    }
}

/// A struct of this program, with a field of the foreign type.
#[derive(StructStore)]
struct Team {
    size: u32,
    #[structstore(with = "as_field", default = rover())]
    leader: Robot,
}

fn rover() -> Robot {
    Robot {
        name: "rover".into(),
        battery: 0.75,
        pose: Pose { x: 1.0, y: 2.0, heading: 0.5 },
        route: vec![Pose { x: 4.0, y: 2.0, heading: 0.0 }, Pose { x: 4.0, y: 6.0, heading: 1.5 }],
        gains: vec![0.5, 0.25, 0.125],
    }
}

fn main() -> Result<()> {
    // A store in shared memory works just the same.
    let store = StructStore::new();
    let robot = rover();

    let slot = store.ensure_struct("by_hand")?;
    by_hand::to_store(&robot, &slot)?;
    store.set_serde("by_serde", &robot)?;
    let team = store.ensure_struct("team")?.bind::<Team>()?;
    println!("by hand:  {slot}");
    println!("by serde: {}", store.at("by_serde")?);
    println!("as field: {}", store.at("team.leader")?);

    assert_eq!(by_hand::from_store(&slot)?, robot);
    assert_eq!(store.get_serde::<Robot>("by_serde")?, robot);
    assert_eq!(team.load()?.leader, robot);
    println!("read back by each of them, and equal: {robot:?}");

    // Others need not know the type: to them it is fields like any others.
    let moved = Robot { pose: Pose { x: 3.5, ..robot.pose }, ..robot };
    slot.at("pose")?.set("x", 3.5)?;
    store.at("by_serde")?.at("pose")?.set("x", 3.5)?;
    store.at("team.leader")?.get::<Array>("pose")?.write()?.as_mut_slice::<f64>()?[0] = 3.5;
    for (way, found) in [
        ("by hand", by_hand::from_store(&slot)?),
        ("by serde", store.get_serde("by_serde")?),
        ("as field", team.load()?.leader),
    ] {
        assert_eq!(found, moved);
        println!("moved by another, {way}: {:?}", found.pose);
    }
    // Only a bound field can be changed in place, as what is stored.
    team.with_mut(|team| *team.leader.battery -= 0.25)?;
    assert_eq!(team.load()?.leader.battery, 0.5);

    slot.at("pose")?.set("x", "far away")?;
    store.at("by_serde")?.at("pose")?.set("x", "far away")?;
    store.at("team.leader")?.set("battery", 2)?;
    for (way, found, expected) in [
        ("by hand", by_hand::from_store(&slot).err(), "by_hand.pose.x: found str, expected f64"),
        ("by serde", store.get_serde::<Robot>("by_serde").err(), "by_serde.pose.x: found str, expected f64"),
        ("as field", team.load().err(), "team.leader: a battery is charged from 0 to 1"),
    ] {
        let error = found.map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected));
        println!("no robot any more, {way}: {expected}");
    }
    Ok(())
}
