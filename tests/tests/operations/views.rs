//! Views keep their elements, and slices of guards do not change through views.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::binding_support::{HandleExt, OptionsExt, StructExt};
use structstore::traits::{Field, ToValue};
use structstore::{Array, ArrayValue, Error, ErrorKind, Key, StructStore, StructStoreShared, Value};
use structstore_tests::SegmentName;

/// Enough for thousands of rounds: the fault that this test found occurred in one of them.
const TIME: Duration = Duration::from_millis(1500);

/// One array contains only ones, another only twos, while their blocks are replaced all the time, so that the block of one array
/// becomes that of the other.
#[test]
fn view_aba_returns_no_memory_of_another_array() {
    let store = StructStore::new();
    let (ones, twos) = (vec![1.0; 64], vec![2.0; 64]);
    let array = |elements| ArrayValue::from_slice(&[64], elements).unwrap();
    store.set("ones", array(&ones)).unwrap();
    store.set("twos", array(&twos)).unwrap();
    let (x, y) = (store.get::<Array>("ones").unwrap(), store.get::<Array>("twos").unwrap());
    let (stop, end) = (AtomicBool::new(false), Instant::now() + TIME);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let view = x.view().unwrap();
                    assert_eq!(view.cells::<f64>().unwrap()[0].get(), 1.0);
                }
            });
        }
        while Instant::now() < end {
            let view = x.view().unwrap();
            x.set(&array(&ones)).unwrap();
            drop(view);
            y.set(&array(&twos)).unwrap();
            drop(y.view().unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
    store.check().unwrap();
}

/// A binding of another language takes views under its own lock for reading, beside guards that lend slices.
#[test]
fn slices_do_not_change_through_views_under_a_shared_lock() {
    let name = SegmentName::new("shared_views");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("array", ArrayValue::from_slice(&[2], &[1.0, 2.0]).unwrap()).unwrap();
    // SAFETY: neither guards nor bindings are taken through it.
    let reentrant = unsafe { StructStoreShared::options().reentrant() }.open(&name).unwrap();
    let view = || {
        let lock = reentrant.lock_token(false, None).unwrap();
        let view = reentrant.look(&Key::new("array")).unwrap().unwrap().view();
        drop(lock);
        view
    };
    let array = store.get::<Array>("array").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let refused = || thread::scope(|scope| scope.spawn(|| view().map(drop)).join().unwrap());
            let guard = array.read().unwrap();
            let slice = guard.as_slice::<f64>().unwrap();
            let error = refused();
            assert!(matches!(&error, Err(error) if error.kind() == ErrorKind::Deadlock), "{error:?}");
            assert_eq!(slice, [1.0, 2.0]);
            drop(guard);
            // The same with a guard of the struct above it.
            let guard = store.read().unwrap();
            let error = refused();
            assert!(matches!(&error, Err(error) if error.kind() == ErrorKind::Deadlock), "{error:?}");
            drop(guard);
        });
    });
    // Without other guards a view can be taken, but not for writing; then no slice is lent.
    let taken = view().unwrap();
    assert!(!taken.is_writable());
    assert!(
        matches!(array.read().unwrap().as_slice::<f64>(), Err(error) if error.kind() == ErrorKind::Leased)
    );
    drop(taken);
    assert_eq!(array.read().unwrap().as_slice::<f64>().unwrap(), [1.0, 2.0]);
}

#[test]
fn view_is_current_until_the_array_gets_other_memory() {
    let store = StructStore::new();
    store.set("scan", [1.0, 2.0]).unwrap();
    let view = || store.get::<Array>("scan").unwrap().view().unwrap();
    let (before, other) = (view(), view());
    before.cells::<f64>().unwrap()[0].set(5.0);
    store.set("num", 5).unwrap();
    assert!(before.is_current() && other.is_current(), "its elements and other fields may change");
    store.set("scan", [1.0, 2.0]).unwrap();
    assert!(!before.is_current() && !other.is_current());
    let by_guard = view();
    store.get::<Array>("scan").unwrap().write().unwrap().as_mut_slice::<f64>().unwrap()[0] = 3.0;
    assert!(!by_guard.is_current(), "a guard that changes it gives it a block of its own");
    let removed = view();
    store.delete("scan").unwrap();
    store.set("scan", [1.0, 2.0]).unwrap();
    assert!(!removed.is_current(), "the node is another one by now");
    assert_eq!(
        (before.to_vec::<f64>().unwrap(), removed.to_vec::<f64>().unwrap()),
        (vec![5.0, 2.0], vec![3.0, 2.0])
    );
}

#[test]
fn remove_array_moves_the_elements_out() {
    let name = SegmentName::new("moved_out");
    let store = StructStoreShared::open(&name).unwrap();
    let list = store.ensure_list("frames").unwrap();
    list.push([1.0, 2.0]).unwrap();
    list.push("text").unwrap();
    store.set("scan", [3.0]).unwrap();
    let address = |array: Array| array.view().unwrap().as_ptr();
    let (in_list, in_field) = (address(list.get(0).unwrap()), address(store.get("scan").unwrap()));
    let seen = list.get::<Array>(0).unwrap().view().unwrap();
    let moved = [list.remove_array(0).unwrap(), store.remove_array("scan").unwrap()];
    assert_eq!(moved.each_ref().map(|view| view.as_ptr()), [in_list, in_field], "not copied");
    assert_eq!((list.len().unwrap(), store.contains("scan").unwrap()), (1, false));
    moved[0].cells::<f64>().unwrap()[1].set(5.0);
    assert_eq!(seen.to_vec::<f64>().unwrap(), [1.0, 5.0], "other views share the elements");
    for error in [
        list.remove_array(0).map(drop).unwrap_err(),
        list.remove_array(7).map(drop).unwrap_err(),
        store.remove_array("frames").map(drop).unwrap_err(),
        store.remove_array("none").map(drop).unwrap_err(),
    ] {
        use ErrorKind::{IndexOutOfRange, NotFound, WrongType};
        assert!(matches!(error.kind(), WrongType | IndexOutOfRange | NotFound), "{error}");
    }
    assert_eq!(list.to_string(), r#"["text"]"#);
    let (before, kept) = (store.statistics().blocks, moved);
    drop((kept, seen));
    assert_eq!(before - store.statistics().blocks, 2, "the last view frees them");
    store.check().unwrap();
}

fn live<const N: usize>(elements: [f64; N]) -> ArrayValue<'static> {
    match Value::from(elements) {
        Value::Array(array) => array.live(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn live_array_keeps_its_memory() {
    let name = SegmentName::new("live_array");
    let store = StructStoreShared::open(&name).unwrap();
    let other = StructStoreShared::open(&name).unwrap();
    store.set("q", live([0.0; 3])).unwrap();
    let q = store.get::<Array>("q").unwrap();
    let views = [q.view().unwrap(), other.get::<Array>("q").unwrap().view().unwrap()];
    let seen = |expected: [f64; 3]| {
        assert_eq!(q.to_vec::<f64>().unwrap(), expected);
        for view in &views {
            assert_eq!(view.to_vec::<f64>().unwrap(), expected);
            assert!(view.is_current() && view.is_live());
        }
    };
    store.set("q", [1.0, 2.0, 3.0]).unwrap();
    seen([1.0, 2.0, 3.0]);
    other.set("q", vec![4, 5, 6]).unwrap();
    seen([4.0, 5.0, 6.0]);
    store.set("q", live([7.0, 8.0, 9.0])).unwrap();
    seen([7.0, 8.0, 9.0]);
    q.set(&ArrayValue::from_slice(&[3], &[1.5_f32, 2.5, 3.5]).unwrap()).unwrap();
    seen([1.5, 2.5, 3.5]);
    store.update([("q", Value::from([1.0, 1.0, 1.0]))]).unwrap();
    seen([1.0; 3]);
    store.replace(Value::record([("q", [2.0, 2.0, 2.0].into())])).unwrap();
    seen([2.0; 3]);
    store.write().unwrap().set("q", [3.0, 3.0, 3.0]).unwrap();
    seen([3.0; 3]);
    {
        let mut guard = store.get::<Array>("q").unwrap().write().unwrap();
        guard.cells::<f64>().unwrap()[1].set(4.0);
        assert_eq!(guard.as_mut_slice::<f64>().unwrap_err().kind(), ErrorKind::WrongType);
        assert_eq!(guard.as_slice::<f64>().unwrap_err().kind(), ErrorKind::WrongType);
        assert!(guard.is_live().unwrap());
    }
    seen([3.0, 4.0, 3.0]);
    let snapshot = store.to_bytes().unwrap();
    store.set("q", [0.0; 3]).unwrap();
    store.restore(&snapshot).unwrap();
    seen([3.0, 4.0, 3.0]);
    let restored = StructStore::new();
    restored.restore(&snapshot).unwrap();
    assert!(restored.get::<Array>("q").unwrap().is_live().unwrap(), "a snapshot says what is live");

    for refused in [Value::from([1.0, 2.0]), "text".into(), Value::Null, Value::record([("x", 1.into())])] {
        let error = store.set("q", refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongType);
        assert!(error.to_string().contains("expected live f64[3]; remove it first"), "{error}");
    }
    seen([3.0, 4.0, 3.0]);
    store.delete("q").unwrap();
    assert!(views.iter().all(|view| !view.is_current() && !view.is_live()));
    store.set("q", "text").unwrap();
    store.check().unwrap();
}

/// Whatever the number of elements, and also beside other changes of the same operation.
#[test]
fn failure_restores_a_live_array() {
    let store = StructStore::new();
    let (before, after) = (vec![1.5; 100_000], vec![2.5; 100_000]);
    let array = |elements| ArrayValue::from_slice(&[100_000], elements).unwrap();
    store.set("large", array(&before).live()).unwrap();
    store.set("small", live([1.0, 2.0])).unwrap();
    let view = store.get::<Array>("large").unwrap().view().unwrap();
    let small = store.get::<Array>("small").unwrap().view().unwrap();
    let undone = store.transaction(|guard| {
        guard.set("large", array(&after))?;
        guard.set("small", [3.0, 4.0])?;
        assert_eq!(view.to_vec::<f64>()?[99_999], 2.5, "views see what is not committed");
        Err::<(), _>(Error::rejected("undone"))
    });
    assert_eq!(undone.unwrap_err().kind(), ErrorKind::Rejected);
    assert!(view.to_vec::<f64>().unwrap() == before && small.to_vec::<f64>().unwrap() == [1.0, 2.0]);
    let several = [("large", Value::from(array(&after))), ("small", [1.0].into())];
    assert_eq!(store.update(several).unwrap_err().kind(), ErrorKind::WrongType);
    assert!(view.to_vec::<f64>().unwrap() == before);
    store.set("large", array(&after)).unwrap();
    assert!(view.to_vec::<f64>().unwrap() == after && view.is_current());
    store.check().unwrap();
}

#[test]
fn array_becomes_live_where_it_is_not_fixed() {
    #[derive(StructStore)]
    struct Published {
        gains: [f64; 2],
    }
    #[derive(StructStore)]
    struct Living {
        #[structstore(live, default = [0.5, 1.5])]
        gains: [f64; 2],
    }
    let store = StructStore::new();
    store.set("gains", [1.0, 2.0]).unwrap();
    let array = store.get::<Array>("gains").unwrap();
    store.set("gains", live([3.0, 4.0, 5.0])).unwrap();
    assert!(array.is_live().unwrap(), "handles stay");
    let error = store.bind::<Published>().err().unwrap();
    assert_eq!(
        error.to_string(),
        "gains: found live f64[3], expected f64[2]; declare it with `#[structstore(live)]`, or remove the field"
    );
    store.delete("gains").unwrap();
    store.bind::<Published>().unwrap();
    let error = store.set("gains", live([1.0, 2.0])).unwrap_err();
    assert_eq!(error.to_string(), "gains: found live f64[2], expected f64[2]");
    let error = store.bind::<Living>().err().unwrap();
    assert!(error.to_string().starts_with("gains: found f64[2], expected live f64[2]; "), "{error}");

    let store = StructStore::new();
    let binding = store.bind::<Living>().unwrap();
    let view = store.get::<Array>("gains").unwrap().view().unwrap();
    binding.replace(&Living { gains: [6.0, 7.0] }).unwrap();
    assert_eq!(view.to_vec::<f64>().unwrap(), [6.0, 7.0]);
    binding.with_mut(|fields| fields.gains[0].set(8.0)).unwrap();
    let undone = binding.transaction(|fields| {
        fields.gains[0].set(9.0);
        Err::<(), _>(Error::rejected("undone"))
    });
    assert_eq!(undone.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(view.to_vec::<f64>().unwrap(), [8.0, 7.0]);
    assert_eq!(binding.load().unwrap().gains, [8.0, 7.0]);
    assert_eq!(store.delete("gains").unwrap_err().kind(), ErrorKind::Declared);
    assert!(view.is_current());
    assert_eq!(Living::schema().to_string(), "struct\n  gains: live f64[2]");

    let store = StructStore::new();
    store.set("gains", vec![1_f32, 2.0]).unwrap();
    store.bind_widening::<Living>().unwrap();
    assert!(store.get::<Array>("gains").unwrap().is_live().unwrap(), "widening makes it live");
    store.check().unwrap();
}

/// One store changes one element, whatever others write beside it meanwhile.
#[test]
fn elements_of_a_live_array_are_changed_one_by_one() {
    let store = StructStore::new();
    store.set("q", ArrayValue::from_slice(&[8], &[0_u8; 8]).unwrap().live()).unwrap();
    let view = store.get::<Array>("q").unwrap().view().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..30_000 {
                store.set_at("q[0]", round % 256).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let own = &view.cells::<u8>().unwrap()[1];
        for round in (0..=255).cycle() {
            own.set(round);
            assert_eq!(own.get(), round);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
    });
}

#[test]
fn value_of_a_live_field_can_be_read_back() {
    #[derive(StructStore, Debug, PartialEq)]
    struct Arm {
        #[structstore(live)]
        q: [f64; 2],
    }
    let arm = Arm { q: [0.5, 1.5] };
    assert_eq!(Arm::from_value(arm.to_value().unwrap()).unwrap(), arm);
    assert_eq!(Vec::<f64>::from_value(live([1.0, 2.0]).into()).unwrap(), [1.0, 2.0]);
}

/// What is not declared makes way for a snapshot.
#[test]
fn restore_replaces_a_live_array_of_another_shape() {
    let store = StructStore::new();
    store.set("q", live([1.0, 2.0])).unwrap();
    let snapshot = store.to_bytes().unwrap();
    store.delete("q").unwrap();
    store.set("q", live([1.0, 2.0, 3.0])).unwrap();
    store.restore(&snapshot).unwrap();
    assert_eq!(store.get::<Array>("q").unwrap().to_vec::<f64>().unwrap(), [1.0, 2.0]);
    store.replace(Value::record([("q", "text".into())])).unwrap();
    assert_eq!(store.to_string(), r#"{"q": "text"}"#);
    store.check().unwrap();
}

/// Through a list, a guard and a field alike: no log takes as much room as the elements.
#[test]
fn large_live_arrays_are_assigned_without_a_log() {
    let name = SegmentName::new("large_live");
    let store = StructStoreShared::options().size(4 << 20).max_size(4 << 20).open(&name).unwrap();
    let array = |element: f64| vec![element; 150_000];
    let elements = array(0.5);
    store.set("field", ArrayValue::from_slice(&[150_000], &elements).unwrap().live()).unwrap();
    let list = store.ensure_list("list").unwrap();
    list.push(ArrayValue::from_slice(&[150_000], &elements).unwrap().live()).unwrap();
    store.set("field", array(1.5)).unwrap();
    list.set(0, array(1.5)).unwrap();
    let mut guard = store.write().unwrap();
    guard.set("field", array(2.5)).unwrap();
    guard.get_mut::<structstore::List>("list").unwrap().set(0, array(2.5)).unwrap();
    drop(guard);
    assert_eq!(
        (store.get_at::<f64>("field[149999]").unwrap(), store.get_at::<f64>("list[0][149999]").unwrap()),
        (2.5, 2.5)
    );
    store.check().unwrap();
}

#[test]
fn filled_array_is_published_where_it_lies() {
    let name = SegmentName::new("filled");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("frame", [1.0]).unwrap();
    let old = store.get::<Array>("frame").unwrap().view().unwrap();
    let mut filling = store.fill::<f64>("frame", &[2, 2]).unwrap();
    filling.as_mut_slice().copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
    let place = filling.as_slice().as_ptr();
    assert!(old.is_current() && filling.shape() == [2, 2], "nothing has happened yet");
    filling.publish().unwrap();
    let array = store.get::<Array>("frame").unwrap();
    assert_eq!(
        array.read().unwrap().as_slice::<f64>().unwrap().as_ptr(),
        place,
        "not copied, and not leased"
    );
    assert_eq!(array.to_vec::<f64>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(old.to_vec::<f64>().unwrap(), [1.0]);
    drop(old);
    store.check().unwrap();

    let blocks = store.statistics().blocks;
    drop(store.fill::<u8>("frame", &[1000]).unwrap());
    assert_eq!(store.statistics().blocks, blocks, "dropped");
    store.set("live", live([0.0; 2])).unwrap();
    let view = store.get::<Array>("live").unwrap().view().unwrap();
    let mut filling = store.fill::<f64>("live", &[2]).unwrap();
    filling.as_mut_slice().fill(5.0);
    filling.publish().unwrap();
    assert_eq!(view.to_vec::<f64>().unwrap(), [5.0; 2], "a live array takes a copy");
    let wrong = store.fill::<f64>("live", &[3]).unwrap();
    assert_eq!(wrong.publish().unwrap_err().kind(), ErrorKind::WrongType);
    let list = store.ensure_list("list").unwrap();
    let mut filling = list.fill_push::<u8>(&[0]).unwrap();
    assert!(filling.as_mut_slice().is_empty());
    filling.publish().unwrap();
    let mut filling = list.fill::<i32>(0, &[1]).unwrap();
    filling.as_mut_slice()[0] = 7;
    filling.publish().unwrap();
    assert_eq!(list.to_string(), "[[7]]");
    assert_eq!(list.fill::<i32>(1, &[1]).unwrap().publish().unwrap_err().kind(), ErrorKind::IndexOutOfRange);
    assert_eq!(
        store.fill::<u8>("x", &[usize::MAX, 2]).map(drop).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    drop(view);
    store.check().unwrap();
}
