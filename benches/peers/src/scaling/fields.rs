//! Fields of one struct.

use std::hint::black_box;
use std::sync::RwLock;

use structstore::{Cleanup, Key, StructStoreShared};

use crate::contest::{Contest, few};
use crate::peer::{Lmdb, unique};
use crate::report::Report;
use crate::sample::{map_of, names, shuffled, turns};

pub fn fields(report: &mut Report) {
    println!("\nfields of one struct: least of several, ns unless said otherwise");
    println!(
        "{:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11}",
        "fields",
        "get",
        "HashMap",
        "LMDB",
        "set",
        "add each",
        "bytes each",
        "open us",
        "check us",
        "names us",
        "remove each"
    );
    for count in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let names = names(count);
        let name = unique("fields");
        let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap();
        let empty = store.statistics().allocated;
        let add =
            few(1, || names.iter().for_each(|name| store.set(name, 5_i64).unwrap())).least / count as f64;
        let bytes = (store.statistics().allocated - empty) as f64 / count as f64;
        let order = shuffled(&names, 1 << 16);
        let keys: Vec<Key<'_>> = order.iter().map(Key::from).collect();
        let map = RwLock::new(map_of(&names));
        let lmdb = Lmdb::new(&names);
        let (mut a, mut b, mut c, mut d) = (turns(&order), turns(&order), turns(&order), turns(&keys));
        let samples = Contest::new("fields")
            .add("get", || store.get::<i64>(a()).unwrap())
            .add("HashMap", || *map.read().unwrap().get(b().as_str()).unwrap())
            .add("LMDB", || lmdb.get(c()))
            .add("set", || store.set(*d(), black_box(6_i64)).unwrap())
            .quietly();
        lmdb.remove();
        let repeats = if count > 100_000 { 3 } else { 9 };
        let check = few(repeats, || store.check().unwrap());
        let listed = few(repeats, || store.names().unwrap());
        store.close().unwrap();
        let opened = few(15, || StructStoreShared::options().cleanup(Cleanup::Never).open(&name).unwrap());
        let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&name).unwrap();
        let remove =
            few(1, || names.iter().for_each(|name| store.delete(name).unwrap())).least / count as f64;
        StructStoreShared::options().unlink_forced(&name).unwrap();
        let per_field = check.least / count as f64 / samples[1].least;
        let limit = (count == 1_000_000).then_some(0.7);
        let remark =
            report.judge("check of 1,000,000 fields, over as many lookups in a HashMap", per_field, limit);
        println!(
            "{count:9} {:9.1} {:9.1} {:9.1} {:9.1} {add:9.1} {bytes:11.1} {:11.1} {:11.1} {:11.1} {remove:11.1}{remark}",
            samples[0].least,
            samples[1].least,
            samples[2].least,
            samples[3].least,
            opened.least / 1e3,
            check.least / 1e3,
            listed.least / 1e3,
        );
    }
}
