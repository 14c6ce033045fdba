//! Sizes of segments.

use std::time::Instant;

use structstore::{ArrayValue, Cleanup, StructStoreShared};

use crate::contest::Times;
use crate::peer::unique;
use crate::report::Report;

pub fn sizes(_report: &mut Report) {
    println!("\nsize of a new segment: least (median), us; of an attachment without others in this process");
    println!(
        "{:>9} {:>22} {:>20} {:>24} {:>24} {:>20}",
        "MiB",
        "create",
        "attach and close",
        "first 8 MB array",
        "memset of a new memfd",
        "last close, unlinked"
    );
    let elements = vec![1.5_f64; 1 << 20];
    let array = ArrayValue::from_slice(&[1 << 20], &elements).unwrap();
    for size in [1_u64, 16, 256, 1024, 4096] {
        let name = unique("sizes");
        let repeats = if size > 1000 { 3 } else { 9 };
        let mut samples: [Vec<f64>; 5] = Default::default();
        for _ in 0..repeats {
            let kept = StructStoreShared::options().cleanup(Cleanup::Never);
            let mut time = |at: usize, start: Instant| samples[at].push(start.elapsed().as_secs_f64() * 1e6);
            let start = Instant::now();
            let store = kept.clone().size(size << 20).open(&name).unwrap();
            time(0, start);
            store.close().unwrap();
            for _ in 0..5 {
                let start = Instant::now();
                kept.open(&name).unwrap().close().unwrap();
                time(1, start);
            }
            let store = kept.open(&name).unwrap();
            let start = Instant::now();
            store.set("array", array.clone()).unwrap();
            time(2, start);
            StructStoreShared::options().unlink_forced(&name).unwrap();
            let start = Instant::now();
            store.close().unwrap();
            time(4, start);
            let start = Instant::now();
            fresh_memory(8 << 20);
            time(3, start);
        }
        let cells = samples.map(|samples| {
            let times = Times::of(samples);
            format!("{:11.1} ({:9.1})", times.least, times.median)
        });
        println!("{size:9} {}", cells.join(" "));
    }
}

/// Makes shared memory and touches it, as a program without any library does.
fn fresh_memory(bytes: usize) {
    // SAFETY: a new file and mapping, which is written to within its bounds and unmapped.
    unsafe {
        let file = libc::memfd_create(c"peers".as_ptr(), 0);
        assert_eq!(libc::ftruncate(file, bytes as i64), 0);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let memory = libc::mmap(std::ptr::null_mut(), bytes, access, libc::MAP_SHARED, file, 0);
        libc::memset(memory, 1, bytes);
        libc::munmap(memory, bytes);
        libc::close(file);
    }
}
