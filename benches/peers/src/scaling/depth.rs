//! Structs in structs.

use std::hint::black_box;

use structstore::{StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::unique;
use crate::report::Report;

pub fn depth(report: &mut Report) {
    let store = StructStoreShared::open(unique("depth")).unwrap();
    let mut part = (*store).clone();
    let name = key!("number");
    let mut handles = Vec::new();
    for _ in 0..=120 {
        part.set(name, 5_i64).unwrap();
        handles.push(part.clone());
        part = part.ensure_struct("a").unwrap();
    }
    println!("\ndepth: least (median) ns");
    println!(
        "{:>6} {:>18} {:>18} {:>18} {:>18}",
        "depth", "get by handle", "set by handle", "exclusive guard", "path from root"
    );
    for depth in [0, 1, 2, 4, 8, 16, 32, 64, 120] {
        let handle = &handles[depth];
        let path = ["a."].repeat(depth).concat() + "number";
        let times = Contest::new("depth")
            .add("get", || handle.get::<i64>(name).unwrap())
            .add("set", || handle.set(name, black_box(5_i64)).unwrap())
            .add("guard", || drop(handle.write().unwrap()))
            .add("path", || store.get_at::<i64>(&path).unwrap())
            .quietly();
        let (path, handle) = (times[3].least, times[0].least);
        let limit = (depth == 32).then_some(3.5);
        let remark = report.judge("a path of depth 32, over a handle at that depth", path / handle, limit);
        let cells = times.iter().map(|times| format!("{:8.1} ({:7.1})", times.least, times.median));
        println!("{depth:6} {}{remark}", cells.collect::<Vec<_>>().join(" "));
    }
}
