//! Views keep what they were taken of, and nobody's slices change because of one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::{ArrayValue, StructStore};

/// Enough for thousands of rounds, and for the fault in one of them.
const TIME: Duration = Duration::from_millis(1500);

/// One array holds nothing but ones, and another nothing but twos, while their blocks are replaced all the time, so that
/// the block of one becomes that of the other.
#[test]
fn view_aba_returns_no_memory_of_another_array() {
    let store = StructStore::new();
    let (ones, twos) = (vec![1.0; 64], vec![2.0; 64]);
    let array = |elements| ArrayValue::from_slice(&[64], elements).unwrap();
    store.set("ones", array(&ones)).unwrap();
    store.set("twos", array(&twos)).unwrap();
    let (x, y) = (store.array("ones").unwrap(), store.array("twos").unwrap());
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
            x.assign(&array(&ones)).unwrap();
            drop(view);
            y.assign(&array(&twos)).unwrap();
            drop(y.view().unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
    store.check().unwrap();
}
