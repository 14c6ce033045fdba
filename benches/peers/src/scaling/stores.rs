//! Many stores in one process.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use structstore::{StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::unique;
use crate::report::Report;

/// Prints the lower bounds: creating, mapping and touching files of the size of a new store, and reading one word of each in turn.
fn print_bounds() {
    for count in [1, 10, 100, 1_000] {
        let start = Instant::now();
        let files: Vec<_> = (0..count).map(|_| File::new()).collect();
        let made = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);
        let mut at = 0;
        let times = Contest::new("files")
            .add("read", || {
                at = (at + 1) % files.len();
                // SAFETY: mapped, and changed by nobody.
                unsafe { files[at].start.read_volatile() }
            })
            .quietly();
        println!(
            "{count:5} files: create {made:8.1} us each, read a word of each in turn {:8.1} ns",
            times[0].least
        );
    }
}

/// A file like that of a new store, with a mapping that reserves as many addresses.
struct File {
    start: *const u64,
    reserved: usize,
}

impl File {
    fn new() -> File {
        let name = std::ffi::CString::new(unique("file")).unwrap();
        let (size, reserved) = (64 << 10, 64 << 30);
        // SAFETY: a new file and a new mapping of it.
        unsafe {
            let file = libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600);
            assert_eq!(libc::fallocate(file, 0, 0, size), 0);
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_NORESERVE);
            let start = libc::mmap(std::ptr::null_mut(), reserved, access, kind, file, 0);
            assert_ne!(start, libc::MAP_FAILED);
            libc::madvise(start, size as usize, libc::MADV_POPULATE_WRITE);
            libc::shm_unlink(name.as_ptr());
            libc::close(file);
            File { start: start.cast(), reserved }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: its mapping, of which nobody has a reference.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.reserved) };
    }
}

pub fn stores(report: &mut Report) {
    println!("\nmany stores in one process");
    print_bounds();
    let mut alone = None;
    let name = key!("number");
    let mut stores = Vec::new();
    for count in [1, 10, 100, 1_000] {
        let start = Instant::now();
        let before = stores.len();
        while stores.len() < count {
            let store = StructStoreShared::open(unique("many")).unwrap();
            store.set(name, 5_i64).unwrap();
            stores.push(store);
        }
        let made = (stores.len() - before).max(1);
        let open = start.elapsed().as_secs_f64() * 1e6 / made as f64;
        let (mut a, mut b) = (0, 0);
        let times = Contest::new("many")
            .add("get", || {
                a = (a + 1) % stores.len();
                stores[a].get::<i64>(name).unwrap()
            })
            .add("set", || {
                b = (b + 1) % stores.len();
                stores[b].set(name, black_box(5_i64)).unwrap();
            })
            .quietly();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = |what: &str| status.lines().find(|line| line.starts_with(what)).unwrap().to_owned();
        let first = *alone.get_or_insert(times[0].least);
        let limit = (count == 1000).then_some(3.0);
        let remark = report.judge("get in turn over 1,000 stores, over one", times[0].least / first, limit);
        println!(
            "{count:5}: create {open:8.1} us each, get in turn {:8.1} ns, set in turn {:8.1} ns, {} files, {}, {}{remark}",
            times[0].least,
            times[1].least,
            fs::read_dir("/proc/self/fd").unwrap().count(),
            memory("VmSize"),
            memory("RssShmem"),
        );
    }
    let start = Instant::now();
    let failure = loop {
        let name = unique("many");
        match StructStoreShared::open(&name) {
            Ok(store) => stores.push(store),
            Err(error) => {
                // It leaves an empty file.
                let left = fs::remove_file(format!("/dev/shm{name}")).is_ok();
                break format!("{error}; file left behind: {left}");
            }
        }
        if stores.len() == 5_000 {
            break "none up to here".to_owned();
        }
    };
    println!("the first that fails: number {} ({failure}), after {:?}", stores.len() + 1, start.elapsed());
    let start = Instant::now();
    let count = stores.len();
    drop(stores);
    println!("close: {:.1} us each", start.elapsed().as_secs_f64() * 1e6 / count as f64);
}
