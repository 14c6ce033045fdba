//! Views keep their elements, and slices of guards do not change through views.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::binding_support::{HandleExt, OptionsExt, StructExt};
use structstore::{Array, ArrayValue, ErrorKind, Key, StructStore, StructStoreShared};
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
    let store = StructStore::new();
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
