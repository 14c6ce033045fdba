//! Every kind of value through the dynamic API, in a shared store whose memory is accounted for after each test.

use structstore::binding_support::ListExt;
use structstore::path::Path;
use structstore::{
    Array, ArrayValue, DType, ErrorKind, Kind, List, Meta, Scalar, Str, Struct, StructStore,
    StructStoreShared, Value, key,
};
use structstore_tests::Memory;

/// Runs a test in a store of its own, and then verifies every invariant, also after all fields were removed.
fn with_store(test: impl FnOnce(&StructStoreShared) -> structstore::Result<()>) {
    let store = Memory::store();
    let empty = store.statistics();
    test(&store).unwrap();
    store.check().unwrap();
    store.clear().unwrap();
    store.check().unwrap();
    let after = store.statistics();
    assert_eq!((after.nodes, store.len().unwrap()), (empty.nodes, 0));
}

#[test]
fn scalars_keep_their_type() {
    with_store(|store| {
        let scalars = [
            Scalar::Bool(true),
            Scalar::I8(i8::MIN),
            Scalar::I16(i16::MIN),
            Scalar::I32(i32::MIN),
            Scalar::I64(i64::MIN),
            Scalar::U8(u8::MAX),
            Scalar::U16(u16::MAX),
            Scalar::U32(u32::MAX),
            Scalar::U64(u64::MAX),
            Scalar::F32(f32::MIN_POSITIVE),
            Scalar::F64(f64::MAX),
        ];
        for scalar in scalars {
            let name = format!("{:?}", scalar.kind());
            store.set(&name, Value::Scalar(scalar))?;
            assert_eq!(store.kind(&name)?, scalar.kind());
            assert_eq!(store.get::<Scalar>(&name)?, scalar);
        }
        assert_eq!(store.get::<u64>("U64")?, u64::MAX);
        assert_eq!(store.get::<i64>("I64")?, i64::MIN);
        assert!(matches!(store.get::<i64>("U64"), Err(error) if error.kind() == ErrorKind::OutOfRange));
        assert!(matches!(store.get::<bool>("U8"), Err(error) if error.kind() == ErrorKind::WrongType));
        store.set("nothing", ())?;
        assert_eq!(store.get::<Option<i32>>("nothing")?, None);
        assert_eq!(store.get::<Option<bool>>("Bool")?, Some(true));
        Ok(())
    });
}

#[test]
fn texts_and_bytes_of_any_length() {
    with_store(|store| {
        for length in [0, 1, 7, 8, 9, 47, 48, 49, 1000, 100_000] {
            let text: String = "añ€𝄞".chars().cycle().take(length).collect();
            store.set("text", &text)?;
            assert_eq!(store.get::<String>("text")?, text);
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            store.set("bytes", Value::bytes(&bytes))?;
            assert_eq!(store.get::<Vec<u8>>("bytes")?, bytes);
            store.check()?;
        }
        let text = store.ensure_str("text")?;
        text.set("through the handle")?;
        assert_eq!(store.get::<String>("text")?, "through the handle");
        text.write()?.set("through the guard")?;
        assert_eq!(text.get()?, "through the guard");
        store.set("text", "assigned in place")?;
        assert_eq!(text.get()?, "assigned in place", "the handle outlives an assignment of the same kind");
        store.set("text", 5)?;
        assert!(matches!(text.get(), Err(error) if error.kind() == ErrorKind::StaleHandle));
        Ok(())
    });
}

#[test]
fn arrays_of_any_dtype_and_shape() {
    with_store(|store| {
        for dtype in
            ["|b1", "<i8", ">i4", "<f2", "<f4", "<f8", "<c16", "|S7", "<U3", "<M8[us]", "|V5", "<f16"]
        {
            let dtype = DType::new(dtype)?;
            for shape in [&[][..], &[0], &[3], &[2, 3], &[0, 5], &[2, 1, 3], &[1; 32]] {
                let bytes = dtype.itemsize() * shape.iter().product::<usize>();
                let data: Vec<u8> = (0..bytes).map(|at| at as u8 % 2).collect();
                let array = ArrayValue::new(dtype.clone(), shape, data)?;
                store.set("array", array.clone())?;
                let found = store.get::<Array>("array")?.to_value()?;
                assert_eq!((found.dtype(), found.shape(), found.data()), (&dtype, shape, array.data()));
            }
            store.check()?;
        }
        let descr = "[('x', '<f8'), ('label', '|S3', (2,))]";
        let structured = ArrayValue::new(DType::structured(descr, 14)?, &[2], vec![7; 28])?;
        store.set("structured", structured)?;
        assert_eq!(store.get::<Array>("structured")?.dtype()?.descr(), descr);
        Ok(())
    });
}

#[test]
fn arrays_change_in_place_or_get_a_new_block() {
    with_store(|store| {
        store.set("array", [1.0, 2.0, 3.0])?;
        let array = store.get::<Array>("array")?;
        array.write()?.as_mut_slice::<f64>()?[1] = 20.0;
        assert_eq!(array.read()?.as_slice::<f64>()?, [1.0, 20.0, 3.0]);

        let view = array.view()?;
        assert!(matches!(array.read()?.as_slice::<f64>(), Err(error) if error.kind() == ErrorKind::Leased));
        // The guard gets a block of its own, and the view keeps the old one.
        array.write()?.as_mut_slice::<f64>()?[0] = 10.0;
        assert_eq!(view.to_vec::<f64>()?, [1.0, 20.0, 3.0]);
        assert_eq!(array.to_vec::<f64>()?, [10.0, 20.0, 3.0]);

        array.set(&ArrayValue::from_slice(&[2], &[7_u8, 8])?)?;
        assert_eq!(store.get::<Array>("array")?.to_vec::<u8>()?, [7, 8]);
        let second = array.view()?;
        store.delete("array")?;
        store.check()?;
        assert_eq!(second.to_vec::<u8>()?, [7, 8]);
        assert!(matches!(array.shape(), Err(error) if error.kind() == ErrorKind::StaleHandle));
        drop((view, second));
        store.check()
    });
}

#[test]
fn fields_keep_their_order_through_everything() {
    with_store(|store| {
        for name in ["a", "b", "c", "d", "e"] {
            store.set(name, name)?;
        }
        store.delete("b")?;
        store.rename("d", "a name that does not fit the field itself")?;
        store.set("c", Value::list([1, 2]))?;
        store.set("b", 1)?;
        assert_eq!(store.names()?, ["a", "c", "a name that does not fit the field itself", "e", "b"]);
        store.rename("a name that does not fit the field itself", "d")?;
        assert_eq!(store.iter()?.map(|(name, _)| name).collect::<Vec<_>>(), ["a", "c", "d", "e", "b"]);
        assert!(matches!(store.rename("a", "b"), Err(error) if error.kind() == ErrorKind::AlreadyExists));
        assert!(matches!(store.rename("x", "y"), Err(error) if error.kind() == ErrorKind::NotFound));
        assert_eq!(store.remove("c")?, Value::list([1, 2]));
        assert!(!store.contains("c")?);
        Ok(())
    });
}

#[test]
fn dot_in_a_field_name_is_no_path() {
    with_store(|store| {
        store.set("a.b", 1)?;
        store.ensure_struct("a")?.set("b", 2)?;
        assert_eq!(store.get::<i32>("a.b")?, 1);
        assert_eq!(store.at("a")?.get::<i32>("b")?, 2);
        Ok(())
    });
}

#[test]
fn ensure_creates_missing_fields() {
    with_store(|store| {
        assert_eq!(store.get_or_insert(key!("num"), 5)?, 5);
        store.ensure_struct("a")?.ensure_struct("b")?.ensure_list("c")?.push(1)?;
        assert_eq!(store.ensure_str("text")?.get()?, "");
        assert_eq!(store.ensure_bytes("bytes")?.len()?, 0);
        assert_eq!(store.at("a")?.at("b")?.get::<Value>("c")?, Value::list([1]));
        assert_eq!(store.at("a")?.at("b")?.path(), "a.b");
        assert!(matches!(store.ensure_struct("num"), Err(error) if error.kind() == ErrorKind::WrongType));
        Ok(())
    });
}

#[test]
fn lists_take_any_value_at_any_index() {
    with_store(|store| {
        let list = store.ensure_list("list")?;
        list.push(1)?;
        list.push("two")?;
        list.insert(0, Value::record([("x", Value::from(0))]))?;
        list.insert(3, Value::list([3.0]))?;
        list.set(1, ())?;
        assert_eq!(list.to_string(), r#"[{"x": 0}, null, "two", [3.0]]"#);
        assert_eq!(list.pop()?, Some(Value::list([3.0])));
        assert_eq!(list.remove(0)?, Value::record([("x", 0.into())]));
        list.extend(0..100)?;
        assert_eq!((list.len()?, list.get::<i64>(101)?), (102, 99));
        assert!(
            matches!(list.get::<i64>(102), Err(error) if (error.kind(), error.expected()) == (ErrorKind::IndexOutOfRange, Some("102")))
        );
        for far in [103, usize::MAX] {
            assert_eq!(list.insert(far, "x").map_err(|error| error.kind()), Err(ErrorKind::IndexOutOfRange));
        }
        list.replace(["x"])?;
        assert_eq!(list.to_string(), r#"["x"]"#);
        list.clear()?;
        assert_eq!(list.pop()?, None);
        Ok(())
    });
}

#[test]
fn splice_keeps_other_items() {
    with_store(|store| {
        let list = store.ensure_list("list")?;
        list.extend((0..6).map(|x| Value::record([("x", x.into())])))?;
        let items: Vec<Struct> = (0..6).map(|at| list.get(at)).collect::<Result<_, _>>()?;
        let kept = |which: &[usize]| {
            for at in which {
                assert_eq!(items[*at].get::<usize>("x").unwrap(), *at);
            }
        };
        let gone = |which: &[usize]| {
            for at in which {
                assert!(
                    matches!(items[*at].get::<usize>("x"), Err(error) if error.kind() == ErrorKind::StaleHandle),
                    "item {at}"
                );
            }
        };
        list.splice(1..3, ["a", "b", "c"])?;
        kept(&[0, 3, 4, 5]);
        gone(&[1, 2]);
        list.replace_at(&[6, 0], &["last".into()])?;
        assert_eq!(list.to_string(), r#"["a", "b", "c", {"x": 3}, {"x": 4}, "last"]"#);
        kept(&[3, 4]);
        gone(&[0, 5]);

        let before = list.to_string();
        let too_deep = (0..200).fold(Value::Null, |value, _| vec![value].into());
        let refused = list.splice(4.., [Value::from(1), too_deep.clone()]).unwrap_err();
        assert!(refused.to_string().starts_with("list[5][0]"), "{refused}");
        assert!(list.replace_at(&[3, 4], &[1.into(), too_deep]).is_err());
        assert!(list.replace_at(&[3, 6], &[]).is_err());
        let refused = list.splice(3..8, [1]).unwrap_err();
        assert_eq!(refused.to_string(), "range: found 3..8, expected a range of 6 items");
        assert!(
            list.splice((std::ops::Bound::Excluded(usize::MAX), std::ops::Bound::Unbounded), [1]).is_err()
        );
        assert!(list.splice(..=usize::MAX, [1]).is_err());
        assert_eq!(list.to_string(), before);
        kept(&[3, 4]);
        Ok(())
    });
}

#[test]
fn update_assigns_all_fields_or_none() {
    with_store(|store| {
        store.set("sub", Value::record([("x", 1.into())]))?;
        store.set("text", "old")?;
        let text = store.get::<Str>("text")?;
        store.update([("new", Value::from(1)), ("text", "new".into()), ("new", Value::list([2]))])?;
        assert_eq!(store.to_string(), r#"{"sub": {"x": 1}, "text": "new", "new": [2]}"#);
        assert_eq!(text.get()?, "new");
        let refused = store.at("sub")?.update([("x", 2), ("", 3)]).unwrap_err();
        assert!(refused.kind() == ErrorKind::InvalidName, "{refused}");
        assert_eq!(store.at("sub")?.get::<i32>("x")?, 1);
        Ok(())
    });
}

#[test]
fn guards_reach_everything_below() {
    with_store(|store| {
        store.set("robot", Value::record([("name", Value::from("r2")), ("speed", 1.5.into())]))?;
        store.set("list", Value::list([1, 2]))?;
        store.set("blob", Value::bytes(&[1, 2]))?;
        let mut guard = store.write()?;
        *guard.at("robot")?.get_mut::<f64>("speed")? += 1.0;
        guard.at("robot")?.ensure_str("name")?.set("c3po")?;
        guard.ensure_list("list")?.push(vec!["nested"])?;
        guard.ensure_list("list")?.get_mut::<List>(2)?.get_mut::<Str>(0)?.set("changed")?;
        *guard.ensure_list("list")?.get_mut::<i32>(0)? = 10;
        guard.ensure_bytes("blob")?.set(&[9])?;
        guard.set("new", 1)?;
        guard.rename("new", "newer")?;
        assert_eq!(guard.get::<i32>("newer")?, 1);
        guard.delete("newer")?;
        assert!(matches!(guard.get_mut::<i32>("robot"), Err(error) if error.kind() == ErrorKind::WrongType));
        assert!(matches!(store.get::<i32>("list"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
        assert_eq!(store.to_string(), r#""<held by a guard of this thread>""#);
        drop(guard);
        let guard = store.read()?;
        assert_eq!(
            guard.get_ref::<Str>("blob").err().map(|error| error.to_string()).unwrap(),
            "blob: found bytes, expected str"
        );
        assert_eq!(guard.len()?, 3);
        drop(guard);
        let expected =
            r#"{"robot": {"name": "c3po", "speed": 2.5}, "list": [10, 2, ["changed"]], "blob": "09"}"#;
        assert_eq!(store.to_string(), expected);
        Ok(())
    });
}

#[test]
fn display_marks_parts_that_this_thread_holds() {
    with_store(|store| {
        store.set("a", 1)?;
        let guard = store.ensure_list("list")?.write()?;
        assert_eq!(store.to_string(), r#"{"a": 1, "list": "<held by a guard of this thread>"}"#);
        drop(guard);
        Ok(())
    });
}

#[test]
fn equality_is_by_value_without_order() {
    let (a, b) = (StructStore::new(), StructStore::new());
    a.set("x", 1).unwrap();
    a.set("y", Value::list([1.0, 2.0])).unwrap();
    b.set("y", Value::list([1_u8, 2])).unwrap();
    b.set("x", 1.0).unwrap();
    assert!(a.equals(&b).unwrap());
    b.set("x", f64::NAN).unwrap();
    assert!(!a.equals(&b).unwrap());
    assert!(!b.equals(&b).unwrap(), "NaN is unlike itself");
    a.set("x", [1, 2]).unwrap();
    b.set("x", [1.0, 2.0]).unwrap();
    assert!(a.equals(&b).unwrap(), "arrays compare by their elements");
    // A value that cannot be read is an error, not a different value.
    let part = b.ensure_struct("part").unwrap();
    b.delete("part").unwrap();
    assert!(matches!(part.equals(&a), Err(error) if error.kind() == ErrorKind::StaleHandle));
}

#[test]
fn structures_are_copied_between_stores() {
    with_store(|store| {
        let local = StructStore::new();
        local.set("deep", Value::record([("list", vec![Value::from("x"), [1.5_f32].into()].into())]))?;
        store.set("copy", &local.to_value()?)?;
        assert_eq!(store.at("copy")?.to_value()?, local.to_value()?);
        store.set("again", store.at("copy")?.to_value()?)?;
        assert!(store.at("again")?.equals(&store.at("copy")?)?);
        Ok(())
    });
}

#[test]
fn snapshots_keep_everything_exactly() {
    with_store(|store| {
        store.set("u8", 5_u8)?;
        store.set("nan", f64::NAN)?;
        store.set("list", vec![Value::Null, "text".into(), Value::from([1_i16, 2])])?;
        store.ensure_struct("empty")?;
        let image = store.to_bytes()?;
        let copy = StructStore::new();
        copy.set("old", 1)?;
        copy.restore(&image)?;
        assert_eq!(copy.kind("u8")?, Kind::U8);
        assert_eq!(copy.names()?, ["u8", "nan", "list", "empty"]);
        assert_eq!(copy.to_bytes()?, image);
        for at in 0..image.len() {
            let mut damaged = image.clone();
            damaged[at] ^= 0x10;
            assert!(copy.restore(&damaged).is_err(), "byte {at}");
            assert!(copy.restore(&image[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(copy.to_bytes()?, image, "a damaged image changes nothing");
        Ok(())
    });
}

#[test]
fn a_struct_of_many_fields() {
    with_store(|store| {
        let names: Vec<String> = (0..20_000).map(|at| format!("field {at}")).collect();
        for (at, name) in names.iter().enumerate() {
            store.set(name, at as i64)?;
        }
        for name in names.iter().step_by(3) {
            store.delete(name)?;
        }
        for (at, name) in names.iter().enumerate() {
            assert_eq!(store.contains(name)?, at % 3 != 0);
            if at % 3 != 0 {
                assert_eq!(store.get::<i64>(name)?, at as i64);
            }
        }
        store.check()
    });
}

#[test]
fn many_local_stores_at_once() {
    let stores: Vec<StructStore> = (0..100_000).map(|_| StructStore::new()).collect();
    for (at, store) in stores.iter().enumerate().step_by(1000) {
        store.set("at", at as u64).unwrap();
    }
    assert_eq!(stores[99_000].get::<u64>("at").unwrap(), 99_000);
}

/// An iterator whose size hint is the given number.
struct Announcing<I>(I, usize);

impl<I: Iterator> Iterator for Announcing<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, None)
    }
}

#[test]
fn size_hint_of_an_iterator_sizes_nothing() {
    let store = Memory::options(StructStoreShared::options().max_size(1 << 20));
    for announced in [1 << 33, 1 << 58, usize::MAX] {
        store.set("list", Value::list([1])).unwrap();
        let list = store.ensure_list("list").unwrap();
        list.extend(Announcing([2, 3].into_iter(), announced)).unwrap();
        list.splice(..1, Announcing([4].into_iter(), announced)).unwrap();
        assert_eq!(list.to_string(), "[4, 2, 3]");
        list.replace(Announcing([5].into_iter(), announced)).unwrap();
        list.write().unwrap().extend(Announcing([6].into_iter(), announced)).unwrap();
        list.write().unwrap().splice(..0, Announcing([7].into_iter(), announced)).unwrap();
        assert_eq!(list.to_string(), "[7, 5, 6]");
        store.update(Announcing([("a", 8)].into_iter(), announced)).unwrap();
        store.write().unwrap().update(Announcing([("b", 9)].into_iter(), announced)).unwrap();
        assert_eq!(store.to_string(), r#"{"list": [7, 5, 6], "a": 8, "b": 9}"#);
    }
}

#[test]
fn more_items_than_there_is_room_for_are_out_of_space() {
    let store = Memory::options(StructStoreShared::options().max_size(1 << 20));
    store.set("list", Value::list([1, 2, 3])).unwrap();
    let list = store.ensure_list("list").unwrap();
    let full = |result: structstore::Result<()>| {
        assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::OutOfSpace), "{result:?}")
    };
    let more = || std::iter::repeat_n(0, 1 << 40);
    full(list.extend(more()));
    full(list.splice(1.., more()));
    full(list.replace(more()));
    full(list.write().unwrap().extend(more()));
    full(list.write().unwrap().splice(1.., more()));
    for times in [1 << 20, 1 << 62, usize::MAX] {
        full(list.repeat(times));
    }
    assert_eq!(list.to_string(), "[1, 2, 3]");
    list.repeat(2).unwrap();
    assert_eq!(list.to_string(), "[1, 2, 3, 1, 2, 3]");
    store.check().unwrap();
}

/// Every operation in the macros exists on handles and on guards, and has the same results on both. Add new operations to the macros.
#[test]
fn operations_exist_on_handles_and_guards() {
    macro_rules! reads_structs {
        ($of:expr) => {{
            let of = $of;
            assert_eq!(of.get::<i32>("num")?, 5);
            assert_eq!((of.find::<i32>("num")?, of.find::<i32>("none")?), (Some(5), None));
            assert_eq!((of.kind("num")?, of.contains("none")?), (Kind::I32, false));
            assert_eq!((of.len()?, of.is_empty()?, of.names()?), (1, false, vec!["num".to_owned()]));
            assert_eq!(of.iter()?.collect::<Vec<_>>(), [("num".to_owned(), Value::from(5))]);
            assert_eq!(of.to_value()?, Value::record([("num", Value::from(5))]));
            assert_eq!(of.to_string(), r#"{"num": 5}"#);
            assert_eq!(of.get::<i32>("none").unwrap_err().to_string(), "struct.none: no such field");
        }};
    }
    macro_rules! changes_structs {
        ($of:expr) => {{
            let mut of = $of;
            let _ = &mut of;
            of.set("a", 1)?;
            of.update([("b", 2), ("c", 3)])?;
            assert_eq!((of.get_or_insert("d", 4)?, of.get_or_insert("d", 5)?), (4, 4));
            of.ensure_struct("struct")?.set("x", 1)?;
            of.ensure_list("list")?.push(1)?;
            of.ensure_str("str")?.set("s")?;
            of.ensure_bytes("bytes")?.set(b"b")?;
            of.at("struct")?.rename("x", "y")?;
            assert_eq!(of.remove("a")?, 1.into());
            of.delete("b")?;
            assert_eq!(of.delete("b").unwrap_err().to_string(), "struct.b: no such field");
            of.replace(Value::record([("num", Value::from(5))]))?;
            reads_structs!(&of);
            of.clear()?;
            of.set("num", 5)?;
        }};
    }
    macro_rules! reads_lists {
        ($of:expr) => {{
            let of = $of;
            assert_eq!((of.len()?, of.is_empty()?, of.get::<i32>(1)?), (3, false, 2));
            assert_eq!((of.find::<i32>(2)?, of.find::<i32>(3)?), (Some(3), None));
            assert_eq!((of.kind(0)?, of.to_value()?), (Kind::I32, Value::list([1, 2, 3])));
            let error = of.get::<i32>(3).unwrap_err().to_string();
            assert_eq!(error, "list: index 3 is out of range for length 3");
        }};
    }
    macro_rules! changes_lists {
        ($of:expr) => {{
            let mut of = $of;
            let _ = &mut of;
            of.clear()?;
            of.push(1)?;
            of.insert(0, 0)?;
            of.extend([2, 3])?;
            of.splice(1..2, [7, 8])?;
            of.set(0, 9)?;
            assert_eq!((of.remove(0)?, of.pop()?), (9.into(), Some(3.into())));
            of.delete(0)?;
            of.replace([3, 2, 1])?;
            of.reorder(&[2, 1, 0])?;
            reads_lists!(&of);
        }};
    }
    macro_rules! arrays {
        ($of:expr) => {{
            let mut of = $of;
            let _ = &mut of;
            of.set(&ArrayValue::from_slice(&[2], &[1_i64, 2])?)?;
            assert_eq!(
                (of.shape()?, of.dtype()?, of.to_vec::<i64>()?),
                (vec![2], DType::of::<i64>(), vec![1, 2])
            );
            assert_eq!(of.to_value()?.shape(), [2]);
        }};
    }
    macro_rules! strings {
        ($of:expr) => {{
            let mut of = $of;
            let _ = &mut of;
            of.set("four")?;
            assert_eq!((of.get()?, of.len()?, of.is_empty()?), ("four".to_owned(), 4, false));
        }};
    }
    with_store(|store| {
        let part = store.ensure_struct("struct")?;
        changes_structs!(&part);
        changes_structs!(part.write()?);
        {
            let mut guard = store.write()?;
            changes_structs!(guard.at("struct")?);
        }
        reads_structs!(part.read()?);
        let guard = store.read()?;
        reads_structs!(guard.at("struct")?);
        drop(guard);
        let list = store.ensure_list("list")?;
        changes_lists!(&list);
        changes_lists!(list.write()?);
        {
            let mut guard = store.write()?;
            changes_lists!(guard.get_mut::<List>("list")?);
        }
        reads_lists!(list.read()?);
        let guard = store.read()?;
        reads_lists!(guard.get_ref::<List>("list")?);
        drop(guard);
        store.set("array", ArrayValue::from_slice(&[1], &[0_i64])?)?;
        let array = store.get::<Array>("array")?;
        arrays!(&array);
        arrays!(array.write()?);
        {
            let mut guard = store.write()?;
            arrays!(guard.get_mut::<Array>("array")?);
        }
        let string = store.ensure_str("str")?;
        strings!(&string);
        strings!(string.write()?);
        let mut guard = store.write()?;
        strings!(guard.get_mut::<Str>("str")?);
        Ok(())
    });
}

#[test]
fn paths_lead_to_fields_items_and_elements() {
    let store = StructStore::new();
    let robot = Value::record([("pose", Value::record([("x.y", 1.5.into())])), ("name", "left".into())]);
    store.set("robots", vec![robot, 5.into()]).unwrap();
    store.set("frame", ArrayValue::from_slice(&[2, 3], &[1_u16, 2, 3, 4, 5, 6]).unwrap()).unwrap();
    store.set("empty", ArrayValue::from_slice::<f64>(&[], &[0.5]).unwrap()).unwrap();
    assert_eq!(store.get_at::<f64>(r#"robots[0].pose."x.y""#).unwrap(), 1.5);
    assert_eq!(store.get_at::<String>("robots[0].name").unwrap(), "left");
    assert_eq!(store.get_at::<u16>("frame[1,2]").unwrap(), 6);
    assert_eq!(store.get_at::<f64>("frame[1][0]").unwrap(), 4.0);
    assert_eq!(store.get_at::<List>("robots").unwrap().get_at::<i64>("[1]").unwrap(), 5);
    assert_eq!(store.get::<Array>("empty").unwrap().element::<f64>(&[]).unwrap(), 0.5);
    for (path, kind, message) in [
        ("robots[0].pose.z", ErrorKind::NotFound, "robots[0].pose.z: no such field"),
        ("robots[2].name", ErrorKind::IndexOutOfRange, "robots: index 2 is out of range for length 2"),
        ("frame[1,3]", ErrorKind::IndexOutOfRange, "frame: index 3 is out of range for length 3"),
        (
            "frame[1]",
            ErrorKind::WrongType,
            "frame: found 1 index, expected as many as u16[2, 3] has dimensions",
        ),
        ("frame[1].x", ErrorKind::WrongType, "frame: found a number, expected struct"),
        ("frame.x", ErrorKind::WrongType, "frame: found array, expected struct"),
        ("robots.x", ErrorKind::WrongType, "robots: found list, expected struct"),
        ("robots[1].x", ErrorKind::WrongType, "robots[1]: found i32, expected a struct, list or array"),
        ("[0]", ErrorKind::WrongType, "(root): found struct, expected list or array"),
        ("", ErrorKind::WrongType, "(root): found struct, expected f64"),
        ("a..b", ErrorKind::InvalidArgument, "path: found \"a..b\", "),
    ] {
        let error = store.get_at::<f64>(path).unwrap_err();
        assert_eq!(error.kind(), kind, "{path}: {error}");
        assert!(error.to_string().starts_with(message), "{path}: {error}");
    }
    assert_eq!(
        store.get_at::<String>("frame[0,0]").unwrap_err().to_string(),
        "frame[0][0]: found u16, expected str"
    );
    let guard = store.read().unwrap();
    assert_eq!(guard.get_at::<u16>("frame[0, 1]").unwrap(), 2);
    assert_eq!(guard.get_at::<String>("robots[0].name").unwrap(), "left");
    assert_eq!(guard.get_at::<Array>("frame").err().unwrap().kind(), ErrorKind::HeldByGuard);
}

#[test]
fn the_empty_path_leads_to_where_it_starts() {
    let store = StructStore::new();
    store.set("robots", vec![Value::record([("name", "left".into())])]).unwrap();
    assert_eq!(store.get_at::<Value<'static>>("").unwrap(), store.to_value().unwrap());
    let robot = store.at("robots[0]").unwrap();
    let again = robot.get_at::<Struct>(Path::ROOT).unwrap();
    again.set("name", "right").unwrap();
    assert_eq!(robot.get::<String>("name").unwrap(), "right");
    assert_eq!(robot.at("").unwrap().path(), robot.path());
    let robots = store.get::<List>("robots").unwrap();
    assert_eq!(robots.get_at::<List>("").unwrap().len().unwrap(), 1);
    assert_eq!(robot.get_at::<i32>("").unwrap_err().to_string(), "robots[0]: found struct, expected i32");
    {
        let guard = store.read().unwrap();
        let held = guard.at("robots[0]".parse::<Path>().unwrap()).unwrap();
        assert_eq!(held.get_at::<Value<'static>>("").unwrap(), Value::record([("name", "right".into())]));
        assert_eq!(held.get_at::<Struct>("").err().unwrap().kind(), ErrorKind::HeldByGuard);
    }
    robots.remove(0).unwrap();
    // Each names where it was.
    let messages = [robot, again].map(|handle| handle.names().unwrap_err().to_string());
    assert_eq!(messages[0], messages[1]);
}

#[test]
fn metadata_is_read_at_paths() {
    let store = StructStore::new();
    let motor = store.ensure_struct("motor").unwrap();
    motor.declare("speed", &Meta::new().unit("m/s").default_value(0.5)).unwrap();
    motor.set("gains", [1.0, 2.0]).unwrap();
    motor.set("names", vec!["left"]).unwrap();
    let speed = Path::ROOT.then("motor").then("speed");
    assert_eq!(store.meta_at(&speed).unwrap().unit, "m/s");
    assert_eq!(store.read().unwrap().meta_at("motor.speed").unwrap().unit, "m/s");
    for path in ["", "motor", "motor.gains", "motor.gains[1]", "motor.names[0]"] {
        assert!(store.meta_at(path).unwrap().is_empty(), "{path}");
    }
    for (path, kind) in [
        ("motor.missing", ErrorKind::NotFound),
        ("motor.names[1]", ErrorKind::IndexOutOfRange),
        ("motor.gains[2]", ErrorKind::IndexOutOfRange),
        ("motor.speed.x", ErrorKind::WrongType),
    ] {
        assert_eq!(store.meta_at(path).unwrap_err().kind(), kind, "{path}");
    }
}

#[test]
fn paths_are_assigned_to_and_removed() {
    with_store(|store| {
        store.set("robots", Value::list([Value::record([("gains", [1.0_f32, 2.0].into())]), 5.into()]))?;
        store.set("bytes", ArrayValue::from_slice(&[2, 3], &[1_u8, 2, 3, 4, 5, 6])?)?;
        store.set_at("robots[0].gains[1]", 7)?;
        store.set_at("robots[0].name", "left")?;
        store.set_at("robots[1]", "text")?;
        store.set_at("bytes[1,0]", 200)?;
        store.set_at("new", 1)?;
        assert_eq!(
            store.to_string(),
            r#"{"robots": [{"gains": [1.0, 7.0], "name": "left"}, "text"], "bytes": [[1, 2, 3], [200, 5, 6]], "new": 1}"#
        );
        // Views of a published array keep what they were taken of.
        let view = store.get::<Array>("bytes")?.view()?;
        store.set_at("bytes[0,0]", 9)?;
        assert_eq!((view.to_vec::<u8>()?[0], store.get_at::<u8>("bytes[0][0]")?), (1, 9));
        for (path, value, message) in [
            ("bytes[0,0]", Value::from(256), "bytes: 256 does not fit u8"),
            ("bytes[0,0]", "text".into(), "bytes: found str, expected a number"),
            ("bytes[2,0]", 1.into(), "bytes: index 2 is out of range for length 2"),
            ("bytes[0]", 1.into(), "bytes: found 1 index, expected as many as u8[2, 3] has dimensions"),
            ("bytes[0].x", 1.into(), "bytes: found a number, expected struct"),
            ("robots[2]", 1.into(), "robots: index 2 is out of range for length 2"),
            ("nothing.x", 1.into(), "nothing: no such field"),
            ("robots[1].x", 1.into(), "robots[1]: found str, expected a struct, list or array"),
            ("robots.x", 1.into(), "robots: found list, expected struct"),
            ("", 1.into(), "path: found the empty path"),
        ] {
            let error = store.set_at(path, value).unwrap_err().to_string();
            assert!(error.starts_with(message), "{path}: {error}");
        }
        let undone = store.transaction(|guard| {
            guard.set_at("bytes[1,2]", 0)?;
            guard.set_at("robots[0].gains[0]", 9)?;
            guard.remove_at("robots[1]")?;
            Err::<(), _>(structstore::Error::rejected("undone"))
        });
        assert!(undone.is_err());
        assert_eq!(store.get_at::<u8>("bytes[1,2]")?, 6);
        assert_eq!(store.remove_at("robots[0].gains")?, Value::from([1.0_f32, 7.0]));
        assert_eq!(store.remove_at("robots[1]")?, "text".into());
        assert!(store.remove_at("bytes[0,0]").is_err() && store.remove_at("").is_err());
        store.check()
    });
}
