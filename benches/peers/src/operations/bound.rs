//! Structs that are bound: fields of fixed kinds, beside iceoryx2's blackboard.

use std::hint::black_box;

use iceoryx2::prelude::*;
use structstore::{Key, StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::unique;
use crate::report::Report;
use crate::sample::{One, Page, PlainTen, Ten};

pub fn all(report: &mut Report) {
    let store = StructStoreShared::open(unique("bound")).unwrap();
    let one = store.ensure_struct("one").unwrap().bind::<One>().unwrap();
    let ten = store.ensure_struct("ten").unwrap().bind::<Ten>().unwrap();
    let page = store.ensure_struct("page").unwrap().bind::<Page>().unwrap();

    let node = NodeBuilder::new().create::<ipc::Service>().unwrap();
    let service = node
        .service_builder(&"peers_bound".try_into().unwrap())
        .blackboard_creator::<i64>()
        .add::<i64>(1, 5)
        .add::<PlainTen>(2, PlainTen::default())
        .add::<[u8; 4096]>(3, [0; 4096])
        .create()
        .unwrap();
    let writer = service.writer_builder().create().unwrap();
    let reader = service.reader_builder().create().unwrap();
    let (read_one, write_one) = (reader.entry::<i64>(&1).unwrap(), writer.entry::<i64>(&1).unwrap());
    let (read_ten, write_ten) =
        (reader.entry::<PlainTen>(&2).unwrap(), writer.entry::<PlainTen>(&2).unwrap());
    let (read_page, write_page) =
        (reader.entry::<[u8; 4096]>(&3).unwrap(), writer.entry::<[u8; 4096]>(&3).unwrap());
    let plain_one = parking_lot::RwLock::new(5_i64);
    let plain_ten = parking_lot::RwLock::new(PlainTen::default());
    let plain_page = parking_lot::RwLock::new([0_u8; 4096]);

    let number: Key<'_> = key!("number");
    let handle = store.at("one").unwrap();
    Contest::new("bound get of one i64")
        .add("iceoryx2 blackboard", || *read_one.get())
        .add("StructStore, load", || one.load().unwrap())
        .at_most(0.9)
        .add("StructStore, read guard", || *one.read().unwrap().fields().number)
        .add("StructStore, handle and hashed name", || handle.get::<i64>(number).unwrap())
        .add("parking_lot RwLock<i64>, in process", || *plain_one.read())
        .run(report);
    Contest::new("bound set of one i64")
        .add("iceoryx2 blackboard (one writer)", || write_one.update_with_copy(black_box(7)))
        .add("StructStore, with_mut", || one.with_mut(|fields| *fields.number = black_box(7)).unwrap())
        .add("StructStore, replace", || one.replace(&One { number: black_box(7) }).unwrap())
        .add("StructStore, handle and hashed name", || handle.set(number, black_box(7_i64)).unwrap())
        .add("parking_lot RwLock<i64>, in process", || *plain_one.write() = black_box(7))
        .run(report);

    let value = ten.load().unwrap();
    let plain = PlainTen::default();
    Contest::new("bound get of a struct of ten scalars")
        .add("iceoryx2 blackboard", || *read_ten.get())
        .add("StructStore, load", || ten.load().unwrap())
        .at_most(2.5)
        .add("StructStore, read guard, one field", || *ten.read().unwrap().fields().d)
        .add("parking_lot RwLock<Ten>, in process", || *plain_ten.read())
        .run(report);
    Contest::new("bound set of a struct of ten scalars")
        .add("StructStore, with_mut, ten fields", || {
            let value = black_box(&value);
            ten.with_mut(|fields| {
                *fields.a = value.a;
                *fields.b = value.b;
                *fields.c = value.c;
                *fields.d = value.d;
                *fields.e = value.e;
                *fields.f = value.f;
                *fields.g = value.g;
                *fields.h = value.h;
                *fields.i = value.i;
                *fields.j = value.j;
            })
            .unwrap()
        })
        .add("StructStore, replace", || ten.replace(black_box(&value)).unwrap())
        .at_most(2.0)
        .add("StructStore, with_mut, two fields", || {
            ten.with_mut(|fields| (*fields.a, *fields.d) = black_box((7, 0.5))).unwrap()
        })
        .add("iceoryx2 blackboard (one writer)", || write_ten.update_with_copy(black_box(plain)))
        .add("parking_lot RwLock<Ten>, in process", || *plain_ten.write() = black_box(plain))
        .run(report);

    let bytes = [7_u8; 4096];
    let mut target = [0_u8; 4096];
    Contest::new("bound get of 4 KiB")
        .add("iceoryx2 blackboard", || read_page.get())
        .add("StructStore, load", || page.load().unwrap())
        .at_most(1.0)
        .add("StructStore, read guard, copied", || {
            black_box(&mut target).copy_from_slice(page.read().unwrap().fields().bytes)
        })
        .add("StructStore, read guard, one byte", || page.read().unwrap().fields().bytes[2000])
        .add("parking_lot RwLock<[u8; 4096]>, in process", || *plain_page.read())
        .run(report);
    Contest::new("bound set of 4 KiB")
        .add("iceoryx2 blackboard (one writer)", || write_page.update_with_copy(black_box(bytes)))
        .add("StructStore, with_mut", || {
            page.with_mut(|fields| fields.bytes.copy_from_slice(black_box(&bytes))).unwrap()
        })
        .add("StructStore, replace", || page.replace(black_box(&Page { bytes })).unwrap())
        .add("parking_lot RwLock<[u8; 4096]>, in process", || *plain_page.write() = black_box(bytes))
        .run(report);
}
