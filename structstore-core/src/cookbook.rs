//! Recipes for the most common tasks with a shared store. Each recipe runs as a test.
//!
//! - [Share settings between programs](#share-settings-between-programs)
//! - [Share camera frames without copying](#share-camera-frames-without-copying)
//! - [Publish from a loop that never waits](#publish-from-a-loop-that-never-waits)
//! - [Lock a part only](#lock-a-part-only)
//! - [Change several things at once](#change-several-things-at-once)
//! - [Go on after a crash](#go-on-after-a-crash)
//! - [Say what a field may hold](#say-what-a-field-may-hold)
//! - [Let a schema evolve](#let-a-schema-evolve)
//! - [Use stores in tests](#use-stores-in-tests)
//! - [Permissions, containers and files](#permissions-containers-and-files)
//! - [JSON, YAML and the rest of serde](#json-yaml-and-the-rest-of-serde)
//! - [Time limits and deadlocks](#time-limits-and-deadlocks)
//! - [Watch for changes](#watch-for-changes)
//! - [See what is going on](#see-what-is-going-on)
//!
//! Whole programs are in the directory `examples` of the repository.
//!
//! # Share settings between programs
//!
//! Both programs bind the same struct. The first one creates the fields with their defaults; the second one finds them. A
//! program that reads its settings in each cycle takes a copy, which is consistent, and needs no lock if all fields are
//! scalars.
//!
//! ```
//! use structstore::{StructStore, StructStoreShared};
//!
//! #[derive(StructStore)]
//! struct Settings {
//!     /// In hertz.
//!     #[structstore(default = 50.0)]
//!     rate: f64,
//!     #[structstore(default = [1.0, 0.0, 0.1])]
//!     gains: [f64; 3],
//! }
//!
//! # let name = format!("/structstore_cookbook_settings_{}", std::process::id());
//! // In the program that reads them:
//! let store = StructStoreShared::open(&name)?;
//! let settings = store.ensure_struct("settings")?.bind::<Settings>()?;
//! assert_eq!(settings.load()?.rate, 50.0);
//!
//! // In the program that sets them, both at once:
//! let store = StructStoreShared::open(&name)?;
//! let tuner = store.ensure_struct("settings")?.bind::<Settings>()?;
//! tuner.with_mut(|fields| {
//!     *fields.rate = 100.0;
//!     fields.gains[1] = 0.5;
//! })?;
//!
//! // A program without the struct uses names. The declared types stay.
//! store.at("settings")?.set("rate", 200)?;
//! assert!(store.at("settings")?.set("rate", "fast").is_err());
//! assert_eq!(settings.load()?.rate, 200.0);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Share camera frames without copying
//!
//! Assigning an array publishes a new block: readers see the complete old or new frame, and do not wait while pixels are
//! copied. A [view](crate::ArrayView) keeps its block alive. A read guard gives a slice instead, unless a process has a view
//! of that block.
//!
//! ```
//! use structstore::{Array, ArrayValue, StructStore};
//!
//! let store = StructStore::new();
//! store.set("depth", ArrayValue::from_slice(&[2, 3], &[0.5_f64; 6])?)?;
//! let depth = store.get::<Array>("depth")?;
//!
//! // A slice of the pixels in place; a writer waits until the guard is dropped.
//! assert_eq!(depth.read()?.as_slice::<f64>()?.iter().sum::<f64>(), 3.0);
//!
//! // A view blocks no writer. It gives elements as cells, or copies of them.
//! let view = depth.view()?;
//! depth.set(&ArrayValue::from_slice(&[2, 3], &[0.7_f64; 6])?)?;
//! assert_eq!(view.cells::<f64>()?[5].get(), 0.5);
//! assert_eq!(depth.view()?.to_vec::<f64>()?, [0.7; 6]);
//!
//! // In place. Readers must take the lock, too: through a view they could see half of the change.
//! depth.write()?.as_mut_slice::<f64>()?[0] = 0.0;
//!
//! // Filled in the store's memory, where no other process sees it, and then published without a copy.
//! let mut frame = store.fill::<f64>("depth", &[2, 3])?;
//! frame.as_mut_slice().fill(0.9);
//! frame.publish()?;
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Share values that change all the time
//!
//! A [live](crate::ArrayValue::live) array is one block of memory for as long as the field exists: assigning to it changes the elements,
//! and a view that was taken once shows them. Readers without a lock may see some old and some new elements.
//!
//! ```
//! use structstore::{Array, StructStore};
//!
//! #[derive(StructStore)]
//! struct Arm {
//!     #[structstore(live)]
//!     q: [f64; 7],
//! }
//!
//! let store = StructStore::new();
//! let arm = store.bind::<Arm>()?;
//! // A plot would take this once: `q = store.q` in Python.
//! let plotted = store.get::<Array>("q")?.view()?;
//!
//! arm.with_mut(|fields| fields.q[0].set(0.5))?;
//! assert_eq!(plotted.cells::<f64>()?[0].get(), 0.5);
//! store.set("q", [1.5; 7])?;
//! assert_eq!(plotted.cells::<f64>()?[6].get(), 1.5);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Publish from a loop that never waits
//!
//! A control loop publishes its state in a [stream](crate::stream), in a bounded number of steps and without a lock. It reads its settings
//! through a binding that does not wait: while another process changes them, the loop keeps the values that it has. A logger follows the
//! stream and gets every cycle; a viewer reads the newest cycle when it needs one.
//!
//! ```
//! use std::time::Duration;
//! use structstore::stream::{Start, Stream};
//! use structstore::{ErrorKind, StructStore, StructStoreShared};
//!
//! #[derive(StructStore)]
//! struct State {
//!     cycle: u64,
//!     position: [f64; 6],
//! }
//!
//! #[derive(StructStore)]
//! struct Gains {
//!     #[structstore(default = 20.0, range = 0.0..=100.0)]
//!     stiffness: f64,
//! }
//!
//! # let name = format!("/structstore_cookbook_loop_{}", std::process::id());
//! // The loop:
//! let store = StructStoreShared::open(&name)?;
//! let states = store.ensure_stream::<State>("state", Stream::depth(1000))?;
//! let gains = store.ensure_struct("gains")?.bind::<Gains>()?;
//! // (In another process.) The logger; it would iterate over `follow`.
//! let mut follow = StructStoreShared::open(&name)?.get::<Stream<State>>("state")?.follow(Start::Next);
//!
//! let mut wanted = gains.load()?;
//! for cycle in 0..3 {
//!     match gains.within(Duration::ZERO).load() {
//!         Err(error) if error.kind() == ErrorKind::LockTimeout => {} // another process is changing them
//!         new => wanted = new?,
//!     }
//!     let position = [wanted.stiffness; 6];
//!     states.publish(&State { cycle, position })?;
//! }
//!
//! while let Some(sample) = follow.try_next()? {
//!     assert_eq!((sample.value.cycle, sample.missed), (sample.seq, 0));
//! }
//! // The last samples at once, for a plot; the newest, for a display.
//! assert_eq!(states.history(100)?.column::<u64>("cycle")?, [0, 1, 2]);
//! assert_eq!(states.latest()?.value.position[0], 20.0);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! The process that publishes first is the publisher until it [releases](crate::Stream::release) the stream, closes the store or ends; then
//! another one may continue. Samples have a fixed size: numbers, bools, enums, arrays `[T; N]`, and structs of these. Larger ones,
//! such as pictures, are [frames](crate::stream::Loan), which are filled and read in place.
//!
//! # Lock a part only
//!
//! A guard covers a structure and everything below it, and nothing beside it. Put fields that are used together into a
//! separate struct, and lock that.
//!
//! ```
//! use structstore::StructStore;
//!
//! let store = StructStore::new();
//! store.ensure_struct("camera")?.set("exposure", 0.01)?;
//! store.at("camera")?.ensure_list("tags")?.push("day")?;
//! store.ensure_struct("arm")?.set("speed", 0.5)?;
//!
//! let mut camera = store.at("camera")?.write()?;
//! camera.set("exposure", 0.02)?;
//! camera.set("gain", 2)?;
//! // The rest of the store is not locked, for this thread or any other.
//! store.at("arm")?.set("speed", 0.7)?;
//! // Structures below the guard are reached through it, and locked by it.
//! camera.ensure_list("tags")?.push("night")?;
//! drop(camera);
//! assert_eq!(store.at("camera")?.get::<f64>("exposure")?, 0.02);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Change several things at once
//!
//! A write guard hides intermediate states from others; but if the process dies half way, half of the changes stay. A
//! transaction makes all of its changes or none, even if the closure returns an error or panics. It does not cover
//! elements of an array that are changed in place; assign the array instead.
//!
//! ```
//! use structstore::{Error, ErrorKind, StructStore};
//!
//! #[derive(StructStore)]
//! struct Tanks {
//!     #[structstore(default = 10.0)]
//!     left: f64,
//!     right: f64,
//! }
//!
//! let store = StructStore::new();
//! let tanks = store.ensure_struct("tanks")?.bind::<Tanks>()?;
//! let pump = |litres: f64| {
//!     tanks.transaction(|tanks| {
//!         *tanks.right += litres;
//!         *tanks.left -= litres;
//!         if *tanks.left < 0.0 { Err(Error::rejected("undone")) } else { Ok(()) }
//!     })
//! };
//! pump(4.0)?;
//! assert!(pump(8.0).is_err());
//! assert_eq!((tanks.load()?.left, tanks.load()?.right), (6.0, 4.0));
//!
//! // Fields of a binding together with others:
//! store.transaction(|all| {
//!     *all.fields_of(&tanks)?.left = 0.0;
//!     all.set("emptied by", "the recipe")
//! })?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # Go on after a crash
//!
//! Programs do not have to do anything: a process that waits for a lock of a dead process repairs the store, and so does the
//! next one to attach. A program may want to know whether the dead process was in the middle of a change. Guards report that
//! until an exclusive guard was asked for it.
//!
//! ```
//! use structstore::StructStoreShared;
//!
//! # let name = format!("/structstore_cookbook_crash_{}", std::process::id());
//! let store = StructStoreShared::open(&name)?;
//! store.set("left", 0)?;
//! store.set("right", 0)?;
//! // Another process, which changes both under a guard, is killed after the first one.
//! # // SAFETY: the child uses nothing but the store, which is made for that, and ends by a signal.
//! # let child = unsafe { libc::fork() };
//! # if child == 0 {
//! #     let guard = store.write();
//! #     let _ = guard.map(|mut guard| {
//! #         let _ = guard.set("left", 1);
//! #         unsafe { libc::raise(libc::SIGKILL) }
//! #     });
//! #     unsafe { libc::_exit(1) }
//! # }
//! # unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
//!
//! let mut guard = store.write()?; // waits until the kernel has ended the process, and repairs
//! if guard.recovered() {
//!     // The store is intact, and so is each change. Restore the pair.
//!     let left: i32 = guard.get("left")?;
//!     guard.set("right", left)?;
//! }
//! drop(guard);
//! assert_eq!((store.get::<i32>("left")?, store.get::<i32>("right")?), (1, 1));
//!
//! // For the log: how often this has happened, and whether every invariant of the format holds.
//! assert_eq!(store.statistics().recoveries, 1);
//! store.check()?;
//!
//! // Transient stores that killed programs left behind. A process that opens one repairs it, and takes it over when it changes it.
//! for name in structstore::inspect::orphans()? {
//!     println!("left behind: {name}");
//! #   if !name.contains("cookbook_nobody_has_this_name") { continue }
//!     StructStoreShared::unlink(&name)?;
//! }
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Keep a store, or let it go
//!
//! The process that creates a store decides how long it lives, and the segment records that. A *transient* store, the default, is
//! removed with the last process that has it open to change it. A *persistent* store, the default in files, stays until it is
//! unlinked.
//! Readers and observers never count: they keep the memory, [`valid`](crate::StructStoreShared::valid) turns false, and their
//! watches end with an error that says so.
//!
//! A signal such as SIGTERM kills a process that does not handle it: a transient store is then left as an orphan, which the next start
//! of the service takes over. A service that handles the signal ends in order:
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use structstore::{Cleanup, StructStoreShared};
//!
//! static STOP: AtomicBool = AtomicBool::new(false);
//!
//! extern "C" fn stop(_: libc::c_int) {
//!     STOP.store(true, Ordering::Relaxed);
//! }
//!
//! // SAFETY: the handler does nothing but one atomic store.
//! unsafe { libc::signal(libc::SIGTERM, stop as *const () as libc::sighandler_t) };
//! # let name = format!("/structstore_cookbook_service_{}", std::process::id());
//! # let settings_name = format!("/structstore_cookbook_settings_{}", std::process::id());
//! let state = StructStoreShared::open(&name)?;
//! let settings = StructStoreShared::options().cleanup(Cleanup::Never).open(&settings_name)?;
//! while !STOP.load(Ordering::Relaxed) {
//!     state.set("cycle", state.get("cycle").unwrap_or(0) + 1)?;
//! #   // SAFETY: the handler is installed.
//! #   unsafe { libc::raise(libc::SIGTERM) };
//! }
//! settings.close()?; // stays
//! state.close()?; // is removed
//! assert!(StructStoreShared::options().create(false).open(&name).is_err());
//! StructStoreShared::unlink(&settings_name)?;
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Say what a field may hold
//!
//! The type declares limits, choices, units and descriptions, the store contains them, and every process enforces them. A number
//! with limits is lent as [`Checked`](crate::typed::Checked), whose `set` returns an error; `*gains.kp` reads it. Other programs,
//! such as user interfaces, can ask for them.
//!
//! ```
//! use structstore::{ErrorKind, Meta, StructStore};
//!
//! #[derive(StructStore)]
//! struct Gains {
//!     /// Of the position loop.
//!     #[structstore(range = 0.0..=10.0, step = 0.05, unit = "1/s", default = 1.5)]
//!     kp: f64,
//!     #[structstore(finite)]
//!     offsets: [f64; 3],
//!     #[structstore(len = 1..=16, default = "arm")]
//!     name: String,
//! }
//!
//! let store = StructStore::new();
//! let gains = store.bind::<Gains>()?;
//! gains.with_mut(|mut gains| {
//!     gains.kp.set(2.0)?;
//!     gains.kp.set_clamped(*gains.kp * 10.0)?;
//!     gains.offsets.set_at(&[1], 0.5)?;
//!     assert!(gains.offsets.set_at(&[1], f64::INFINITY).is_err());
//!     gains.name.set("left arm")
//! })?;
//! assert_eq!(gains.load()?.kp, 10.0);
//! assert_eq!(store.set("kp", 10.5).err().unwrap().kind(), ErrorKind::OutsideLimits);
//!
//! // In a program that has no such type:
//! let Meta { step, unit, .. } = store.meta("kp")?;
//! assert_eq!((step, &*unit), (Some(0.05), "1/s"));
//! store.reset("kp")?;
//!
//! // They can be declared without a type, too. A number that a running program has bound without limits cannot get any.
//! store.set("rate", 50)?;
//! store.declare("rate", &Meta::new().range(1..=1000).unit("Hz"))?;
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Let a schema evolve
//!
//! Old and new programs run side by side on one store, and a deployment can go back. Fields that a struct does not have do not change. New
//! fields get their defaults, also in items of lists, entries of maps and optional values. A renamed field has its earlier name as `alias`.
//! [`bind_widening`](crate::Struct::bind_widening) converts fields whose types have become wider, and old programs can still read them. One
//! error of [`bind`](crate::Struct::bind) lists everything that does not fit.
//!
//! ```
//! use structstore::StructStore;
//!
//! mod first {
//!     #[derive(structstore::StructStore)]
//!     pub struct Settings {
//!         #[structstore(default = 1.5)]
//!         pub vel: f32,
//!         pub limits: [f64; 2],
//!     }
//! }
//!
//! #[derive(StructStore)]
//! struct Settings {
//!     /// Was `vel`, and of 32 bits. `widened` lets old programs read it in a store that this program has created.
//!     #[structstore(alias = "vel", widened)]
//!     velocity: f64,
//!     /// Had two elements.
//!     #[structstore(growable, default = [0.0, 0.0, 5.0])]
//!     limits: [f64; 3],
//!     /// New.
//!     #[structstore(default = 9.81)]
//!     gravity: f64,
//! }
//!
//! let store = StructStore::new();
//! let old = store.ensure_struct("settings")?.bind::<first::Settings>()?;
//! # let error = store.at("settings")?.bind::<Settings>().err().unwrap();
//! # assert_eq!(error.errors().count(), 2);
//! let new = store.ensure_struct("settings")?.bind_widening::<Settings>()?;
//! assert_eq!(new.created()[0].field, "gravity");
//! let loaded = new.load()?;
//! assert_eq!((loaded.velocity, loaded.limits, loaded.gravity), (1.5, [0.0, 0.0, 5.0], 9.81));
//! // The old program reads one field by either name, as far as the value is an `f32`, and the start of the array.
//! new.with_mut(|settings| *settings.velocity = 2.5)?;
//! assert_eq!(old.load()?.vel, 2.5);
//! assert_eq!(store.get_at::<f64>("settings.vel")?, 2.5);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! Other changes need a migration. The struct records the version of the type that it was bound to, and the first program of a new version
//! calls the function of the type, in one transaction with the binding:
//!
//! ```
//! use structstore::guard::StructMut;
//! use structstore::{ErrorKind, Result, StructStore};
//!
//! mod first {
//!     #[derive(structstore::StructStore)]
//!     #[structstore(version = 1)]
//!     pub struct Arm {
//!         pub speed_mm: f64,
//!     }
//! }
//!
//! #[derive(StructStore)]
//! #[structstore(version = 2, migrate = "from_millimetres")]
//! struct Arm {
//!     speed: f64,
//! }
//!
//! /// From version 0, if the struct has fields and records no version.
//! fn from_millimetres(from: u32, arm: &mut StructMut<'_>) -> Result<()> {
//!     if let (0 | 1, Some(speed)) = (from, arm.find::<f64>("speed_mm")?) {
//!         arm.undeclare("speed_mm")?;
//!         arm.delete("speed_mm")?;
//!         arm.set("speed", speed / 1000.0)?;
//!     }
//!     Ok(())
//! }
//!
//! let store = StructStore::new();
//! let old = store.bind::<first::Arm>()?;
//! old.with_mut(|arm| *arm.speed_mm = 1500.0)?;
//! // A migration cannot remove a field that a program uses: stop that program first.
//! assert_eq!(store.bind::<Arm>().err().unwrap().kind(), ErrorKind::Bound);
//! drop(old);
//! assert_eq!(store.bind::<Arm>()?.load()?.speed, 1.5);
//! // Older programs get an error, unless the version says which of them may continue: `since = 1`.
//! assert_eq!(store.bind::<first::Arm>().err().unwrap().kind(), ErrorKind::OtherVersion);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! Without a program, [`undeclare`](crate::Struct::undeclare) and the commands `structstore undeclare` and `structstore rm --force` make room for
//! a field of another type.
//!
//! # Use stores in tests
//!
//! Functions that take a [`&Struct`](crate::Struct) work on local and shared stores alike, and a local store needs no name. If a
//! test needs a shared store, give it a name that no other test and no other run has, and
//! [`Cleanup::Always`](crate::Cleanup::Always), which removes the name even if other processes of the test are still attached.
//! Dropping a store closes it, also in a panic.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use structstore::{Cleanup, Result, Struct, StructStore, StructStoreShared};
//!
//! fn count(store: &Struct) -> Result<i32> {
//!     store.transaction(|store| {
//!         let count = store.get("count").unwrap_or(0) + 1;
//!         store.set("count", count).map(|()| count)
//!     })
//! }
//!
//! fn store_for_test() -> Result<StructStoreShared> {
//!     static NUMBER: AtomicU32 = AtomicU32::new(0);
//!     let number = NUMBER.fetch_add(1, Ordering::Relaxed);
//!     let name = format!("/my_crate_test_{}_{number}", std::process::id());
//!     StructStoreShared::options().reinit(true).cleanup(Cleanup::Always).open(name)
//! }
//!
//! assert_eq!(count(&StructStore::new())?, 1);
//! let (store, other) = (store_for_test()?, store_for_test()?);
//! assert_eq!((count(&store)?, count(&store)?, count(&other)?), (1, 2, 1));
//! store.check()?;
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Permissions, containers and files
//!
//! Only its own user can open a new segment, unless `mode` says otherwise, whatever the process's umask is. The segment lies
//! in `/dev/shm`. Each container has a separate one, by default of 64 MiB under Docker: `--shm-size 1g` makes it larger,
//! `--ipc=container:NAME` or a common volume lets containers share it. When it is full, an operation returns
//! [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace) and changes nothing.
//!
//! ```
//! use structstore::{Error, ErrorKind, StructStoreShared};
//!
//! # let name = format!("/structstore_cookbook_mode_{}", std::process::id());
//! // For a group, with a maximum size, so that one program cannot fill the memory of the others.
//! let store = StructStoreShared::options().mode(0o660).max_size(1 << 20).open(&name)?;
//! store.set("rate", 50)?;
//! assert!(matches!(store.set("huge", vec![0.5; 1 << 20]), Err(error) if error.kind() == ErrorKind::OutOfSpace));
//!
//! // Read-only: copies of any part, but no guards, views or bindings. (`observe(true)` gives read guards, views and watches.)
//! let reader = StructStoreShared::open_read_only(&name)?;
//! assert_eq!(reader.get::<i32>("rate")?, 50);
//! assert!(matches!(reader.set("rate", 60), Err(error) if error.kind() == ErrorKind::ReadOnly));
//!
//! // A file in any directory that the processes share. It is persistent, unless its creator asks for another `Cleanup`.
//! let path = std::env::temp_dir().join(format!("cookbook_{}.store", std::process::id()));
//! let file = StructStoreShared::options().file(true).open(&path)?;
//! file.set("rate", 50)?;
//! drop(file);
//!
//! // A descriptor, for example one received over a socket: no name is needed.
//! let descriptor = std::fs::File::options().read(true).write(true).open(&path).unwrap();
//! std::fs::remove_file(&path).unwrap();
//! let passed = StructStoreShared::options().open_fd(descriptor.into())?;
//! assert_eq!(passed.get::<i32>("rate")?, 50);
//! # Ok::<(), Error>(())
//! ```
//!
//! # JSON, YAML and the rest of serde
//!
//! With the feature `serde`, a store or a part of it can be read from any of serde's formats and written to it. YAML works the
//! same way with a crate for it. JSON has no arrays of numbers: they come back as lists, which [`to_bytes`](crate::Struct::to_bytes)
//! avoids.
//!
//! ```
//! # #[cfg(feature = "serde")] {
//! use structstore::{StructStore, Value};
//!
//! // A new store:
//! let store: StructStore = serde_json::from_str(r#"{"rate": 50, "camera": {"size": [640, 480]}}"#).unwrap();
//! // Or into an existing store, shared or not, in one operation; declared fields stay and take the values:
//! let value: Value = serde_json::from_str(r#"{"size": [320, 240], "gain": 1.5}"#).unwrap();
//! store.at("camera")?.replace(value)?;
//!
//! assert_eq!(
//!     serde_json::to_string(&store).unwrap(),
//!     r#"{"rate":50,"camera":{"size":[320,240],"gain":1.5}}"#
//! );
//! let size: (u32, u32) = store.at("camera")?.get_serde("size")?;
//! assert_eq!(size, (320, 240));
//!
//! // Exactly, with types, arrays and order:
//! let copy = StructStore::new();
//! copy.restore(&store.to_bytes()?)?;
//! assert!(copy.equals(&store)?);
//! # }
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # Time limits and deadlocks
//!
//! Operations and guards wait without bound; [`within`](crate::Struct::within) takes a guard or runs a transaction with a timeout.
//! A thread that would wait for itself gets an error at once. Two threads that hold A and B and ask for B and A wait for each
//! other: lock the structure that contains both, lock them in the same order everywhere, or set a timeout and release
//! what you hold.
//!
//! ```
//! use std::time::Duration;
//! use structstore::{Error, ErrorKind, StructStore};
//!
//! let store = StructStore::new();
//! store.ensure_struct("arm")?.set("speed", 0.5)?;
//! let arm = store.at("arm")?;
//!
//! let guard = arm.write()?;
//! // This thread holds it: only the guard may operate on it.
//! assert!(matches!(arm.get::<f64>("speed"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
//! // Another thread, or another process:
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         let waited = arm.within(Duration::from_millis(20)).write();
//!         assert!(matches!(&waited, Err(error) if error.kind() == ErrorKind::LockTimeout));
//!         assert!(matches!(arm.within(Duration::ZERO).read(), Err(error) if error.kind() == ErrorKind::LockTimeout));
//!     });
//! });
//! drop(guard);
//!
//! // A read guard cannot become a write guard: drop it first, and read again.
//! let reading = arm.read()?;
//! assert!(matches!(arm.write(), Err(error) if error.kind() == ErrorKind::Deadlock));
//! assert_eq!(reading.get::<f64>("speed")?, 0.5);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Watch for changes
//!
//! A [`Watch`](crate::Watch) reports the paths that any process has changed, and sleeps while nothing changes. It reports
//! states, not steps: a reader that is slower than the writer gets the newest value, and never a queue.
//! Writers do not wait for watchers.
//!
//! ```
//! use structstore::{StructStore, Value};
//!
//! let store = StructStore::new();
//! store.set("limits", Value::record([("speed", Value::from(1.0)), ("force", 5.0.into())]))?;
//! let limits = store.at("limits")?;
//!
//! let mut watch = limits.watch()?;
//! let canceller = watch.cancel_handle(); // ends the loop below, from any thread
//! let follower = std::thread::spawn(move || {
//!     let mut speed = limits.get::<f64>("speed")?;
//!     while let Some(paths) = watch.next() {
//!         if paths?.iter().any(|path| path == "speed") {
//!             speed = limits.get("speed")?;
//!         }
//!         if speed == 2.0 {
//!             canceller.cancel();
//!         }
//!     }
//!     Ok::<f64, structstore::Error>(speed)
//! });
//! store.at("limits")?.set("force", 6.0)?;
//! store.at("limits")?.set("speed", 2.0)?;
//! assert_eq!(follower.join().unwrap()?, 2.0);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! After writing elements through a view, call [`Array::notify`](crate::Array::notify).
//!
//! # See what is going on
//!
//! The command-line tool `structstore` shows a live store. A program can get the same information: which stores exist, which
//! processes are attached or hold locks, and what uses memory. Only `check`, at the end, waits for changes in
//! progress.
//!
//! ```
//! use structstore::StructStoreShared;
//!
//! # let name = format!("/structstore_cookbook_look_{}", std::process::id());
//! let store = StructStoreShared::open(&name)?;
//! let camera = store.ensure_struct("camera")?;
//! camera.set("frame", vec![0.0; 1000])?;
//! let guard = camera.write()?;
//!
//! assert!(structstore::stores()?.contains(&name));
//! let watcher = StructStoreShared::open_read_only(&name)?;
//! for participant in watcher.participants()? {
//!     println!("process {} with {} threads", participant.pid, participant.threads);
//! }
//! for lock in watcher.locks()? {
//!     println!("{} is held by thread {} of process {}", lock.path, lock.thread, lock.pid);
//! #   assert_eq!(lock.path, "camera");
//! }
//! for (name, usage) in watcher.usage_by_field()? {
//!     println!("{name}: {} bytes", usage.bytes);
//! #   assert!(usage.bytes >= 8000);
//! }
//! drop(guard);
//! watcher.check()?;
//! # Ok::<(), structstore::Error>(())
//! ```
