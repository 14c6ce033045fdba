//! Opening: finding the file, mapping it, joining, and what becomes of it where that fails.

use std::fs::File;
use std::mem::offset_of;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use nix::unistd::Gid;

use super::options::group_of;
use super::{Options, StructStoreShared};
use crate::access::{Handle, Scope, Store, operate};
use crate::arena::layout::{FORMAT_VERSION, Header, MAGIC, READY, fingerprint};
use crate::arena::{Arena, Cleanup, Opening, lock_init};
use crate::edit;
use crate::error::{EMPTY, Error, ErrorKind, INITIALISING, Result};
use crate::handle::Struct;
use crate::journal::Operation;
use crate::life::{ATTACHED, end_with_process};
use crate::lock::{Mode, NodeId, Wait, owner_seat};
use crate::node::Raw;
use crate::segment::{Access, Liveness, MIN_SIZE, Place, RESERVATION, Segment};
use crate::sync::{Ordering, lock};
use crate::value::Kind;

/// How often a place is opened again because its name came to lead elsewhere meanwhile.
const REOPENINGS: usize = 100;

/// For how long those who create no store wait for the creator of an empty file to make one of it.
const CREATION: Duration = Duration::from_secs(1);

/// How long to sleep between two looks at it.
const POLL: Duration = Duration::from_millis(1);

/// For how long opening waits for a heap before it lets signal handlers run.
const HEAP_SLICE: Duration = Duration::from_millis(100);

/// What [`ErrorKind::NotReady`] says of a segment whose heap is not to be had.
const HEAP_LOCKED: &str = "the heap is still locked, perhaps by a stopped process,";

/// Attaches to the store at a place, creating it where that is to be done.
pub(super) fn attach(options: &Options, place: Place, descriptor: Option<File>) -> Result<StructStoreShared> {
    options.check()?;
    match attach_as(options, &place, descriptor.as_ref(), false) {
        // It may not write to the segment after all.
        Err(error) if options.observe && !options.read_only && error.is_refusal() => {
            attach_as(options, &place, descriptor.as_ref(), true)
        }
        attached => attached,
    }
}

fn attach_as(
    options: &Options,
    place: &Place,
    descriptor: Option<&File>,
    unseen: bool,
) -> Result<StructStoreShared> {
    let group = options.group.as_deref().map(group_of).transpose()?;
    let (mut reinit, mut creator) = (options.reinit, false);
    let (start, mut reopenings) = (Instant::now(), 0..REOPENINGS);
    // The heap is waited for in slices, between which signal handlers may run: not while others wait for this one to be done.
    let again = |error: &Error| error.kind() == ErrorKind::LockTimeout && start.elapsed() < options.timeout;
    let patience = HEAP_SLICE.min(options.timeout);
    let grace = CREATION.min(options.timeout);
    while reopenings.next().is_some() {
        // Keeps a descriptor free for what follows: a name that was created and then cannot be opened would stay.
        let reserve = File::open("/dev/null").ok();
        let (file, created, access) = options.open_file(place, descriptor, unseen)?;
        let found = place.admit(&file, options.any_owner)?;
        let identity = (found.dev(), found.ino());
        drop(reserve);
        let liveness = Liveness::new(&file, place, access)?;
        let init = lock_init(&liveness, place, options.timeout)?;
        if !place.leads_to(identity.0, identity.1) {
            continue;
        }
        let key = (identity.0, identity.1, access);
        crate::life::install();
        let known = lock(&ATTACHED).get(&key).and_then(Weak::upgrade);
        let has_it = known.is_some();
        let arena = match known {
            Some(arena) => {
                prepare(arena.segment(), options)?;
                arena
            }
            None => {
                match load(&file, place, liveness, options, group, &Wait::QUIET.within(patience)) {
                    Ok((arena, fresh)) => {
                        creator |= fresh;
                        let mut attached = lock(&ATTACHED);
                        attached.retain(|_, arena| arena.strong_count() != 0);
                        attached.insert(key, Arc::downgrade(&arena));
                        arena
                    }
                    // What is there cannot be used, but it may be replaced.
                    Err(error)
                        if matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::Corrupt)
                            && options.reinit
                            && descriptor.is_none()
                            && is_replaceable(place, identity) =>
                    {
                        place.unlink()?;
                        continue;
                    }
                    Err(error) if again(&error) => {
                        drop(init);
                        Wait::FOREVER.check()?;
                        reopenings = 0..REOPENINGS;
                        continue;
                    }
                    // Its creator has not come to that yet, unless it died.
                    Err(error) if error.kind() == ErrorKind::NotReady && start.elapsed() < grace => {
                        drop(init);
                        std::thread::sleep(POLL);
                        Wait::FOREVER.check()?;
                        reopenings = 0..REOPENINGS;
                        continue;
                    }
                    // Nobody comes to it, so there is no store for those who would change one.
                    Err(error)
                        if error.kind() == ErrorKind::NotReady
                            && options.access() == Access::ReadWrite
                            && !options.observe
                            && is_unused(place, identity) =>
                    {
                        let missing = std::io::ErrorKind::NotFound.into();
                        return Err(place.io("open", missing, "the file is empty".to_owned()));
                    }
                    Err(error) => {
                        // What could not become a store is not to stay, unless it is another process's by now. Were that to
                        // fail as well, the first error says more.
                        if created && is_unused(place, identity) {
                            let _ = place.unlink();
                        }
                        return Err(in_opening(error, place, start.elapsed()));
                    }
                }
            }
        };
        if options.only_orphans && !creator && (has_it || !arena.is_left()?) {
            return Err(Error::new(ErrorKind::InUse).of(arena.place()));
        }
        let store = Arc::new(Store::shared(Arc::clone(&arena), options.reentrant, options.observe));
        let (root, made) = root(&store, reinit, options)?;
        store.opened(root);
        creator |= std::mem::take(&mut reinit) || made;
        let opening = if options.observe {
            Opening::unlisted(place.clone(), identity)
        } else {
            // Last, so that a process that could not open the store does not count.
            match arena.writable().then(|| arena.join_counted(&Wait::QUIET.within(patience))).transpose() {
                Err(error) if again(&error) => {
                    drop(init);
                    Wait::FOREVER.check()?;
                    reopenings = 0..REOPENINGS;
                    continue;
                }
                joined => joined.map_err(|error| in_opening(error, place, start.elapsed()))?,
            };
            if creator {
                arena.touch();
            }
            if *place != Place::Descriptor {
                arena.tell_found();
            }
            if !options.passing {
                store.adopts();
            }
            let always = creator && options.cleanup_or_default() == Cleanup::Always;
            arena.open(place.clone(), identity, always)
        };
        drop(init);
        end_with_process();
        return Ok(StructStoreShared {
            root: Struct::from_handle(Handle::root(store, root)?),
            arena,
            options: options.clone(),
            opening,
            open: true,
        });
    }
    Err(Error::not_ready(place.to_string(), INITIALISING, options.timeout))
}

/// The error for a store that could not be opened, where it is one that names no store.
fn in_opening(error: Error, place: &Place, waited: Duration) -> Error {
    match error.kind() {
        ErrorKind::LockTimeout => Error::not_ready(place.to_string(), HEAP_LOCKED, waited),
        _ => error,
    }
}

/// Removes the name of shared memory that nobody has made a store of: what is left of a creator that died at once. Returns whether it was so.
pub(super) fn remove_empty(place: &Place, timeout: Duration) -> Result<bool> {
    if !matches!(place, Place::Name(_)) {
        return Ok(false);
    }
    let (file, _) = place.open(Access::ReadWrite, false)?;
    let found = place.admit(&file, false)?;
    let identity = (found.dev(), found.ino());
    let liveness = Liveness::new(&file, place, Access::ReadWrite)?;
    let _init = lock_init(&liveness, place, timeout)?;
    let empty = found.len() == 0 && is_unused(place, identity) && !liveness.others(place)?;
    if empty {
        place.unlink()?;
    }
    Ok(empty)
}

/// Whether a name still leads to a file, and nobody has laid a store there. The caller holds the init lock.
fn is_unused(place: &Place, file: (u64, u64)) -> bool {
    place.leads_to(file.0, file.1)
        && place.open(Access::Unseen, false).and_then(|(found, _)| examine(&found, place)).unwrap_or(false)
}

/// Whether what a name leads to is a store, or the beginning of one, that cannot be used and that no process has open. The caller holds the
/// init lock.
fn is_replaceable(place: &Place, file: (u64, u64)) -> bool {
    let Ok((found, _)) = place.open(Access::Unseen, false) else { return false };
    let mut start = [0; 8];
    let (magic, read) = (MAGIC.to_le_bytes(), found.read_at(&mut start, 0).unwrap_or(0));
    let begins = start.get(..read).is_some_and(|start| magic.starts_with(start));
    begins
        && place.leads_to(file.0, file.1)
        && Liveness::new(&found, place, Access::Unseen)
            .and_then(|liveness| liveness.others(place))
            .is_ok_and(|others| !others)
}

fn mismatch(place: &Place, what: &'static str, found: String, expected: &str) -> Error {
    Error::mismatch(place.to_string(), what, found, expected.to_owned())
}

/// Maps a file and attaches to the arena in it, laying a new one if it is empty. The caller holds the init lock.
/// Says whether it was empty.
fn load(
    file: &File,
    place: &Place,
    liveness: Liveness,
    options: &Options,
    group: Option<Gid>,
    wait: &Wait,
) -> Result<(Arc<Arena>, bool)> {
    let fresh = examine(file, place)?;
    let backing = liveness.backing(place.clone(), options.any_owner);
    let creates =
        backing.writable() && !options.observe && (options.creates() || *place == Place::Descriptor);
    // What a creator that died has left was never ready, and nobody is attached to it.
    if fresh && liveness.others(place)? {
        let found = "a store that is not ready, but has processes attached";
        return Err(Error::corrupt("the header", found, "a store that is ready"));
    }
    if fresh && !creates {
        return Err(Error::not_ready(place.to_string(), EMPTY, Duration::ZERO));
    }
    if fresh {
        // Before there is anything in it that a mode could let others see.
        options.settle(place, file, group)?;
    }
    let reserve = if fresh { options.max_size.max(options.size) } else { max_size_of(file) };
    let segment = Segment::map(backing, Some(file), reserve.clamp(MIN_SIZE, RESERVATION))?;
    if fresh {
        Arena::create(&segment, options.size, options.max_size, options.lifetime())?;
    } else {
        segment.trust(size_of::<Header>() as u64)?;
        let committed = segment.at::<Header>(0)?.committed.load(Ordering::Acquire);
        if committed < MIN_SIZE {
            let found = format!("a size of {committed} bytes");
            return Err(Error::corrupt("the header", found, "a size with room for the tables"));
        }
        segment.trust(committed)?;
    }
    if let Err(error) = prepare(&segment, options) {
        if fresh {
            // What nobody has attached to is not to become a store.
            segment.at::<Header>(0)?.ready.store(0, Ordering::Release);
        }
        return Err(error);
    }
    let arena = Arena::attach(segment, Some(liveness), !options.observe, wait)?;
    if !fresh && !options.observe && arena.writable() {
        arena.find_orphan(wait)?;
    }
    Ok((Arc::new(arena), fresh))
}

/// Has the memory mapped and locked as was asked, before anything is changed.
fn prepare(segment: &Segment, options: &Options) -> Result<()> {
    if options.prefault > 0 {
        segment.prefault(options.prefault)?;
    }
    if options.lock_memory { segment.lock() } else { Ok(()) }
}

/// How large a store may become, and never larger: so much address space it takes. As much as any, if its header is no help.
fn max_size_of(file: &File) -> u64 {
    let mut word = [0; 8];
    let read = file.read_exact_at(&mut word, offset_of!(Header, max_size) as u64);
    let length = file.metadata().map_or(RESERVATION, |found| found.len());
    read.map_or(RESERVATION, |()| u64::from_le_bytes(word)).max(length)
}

/// Whether what a name leads to begins as stores of any version do.
pub(super) fn begins_as_store(place: &Place) -> bool {
    let mut magic = [0; 8];
    let opened = place.open(Access::Unseen, false);
    opened.is_ok_and(|(file, _)| {
        file.metadata().is_ok_and(|found| found.is_file())
            && file.read_exact_at(&mut magic, 0).is_ok()
            && u64::from_le_bytes(magic) == MAGIC
    })
}

/// Whether a file is to become a new arena, as opposed to holding one. An error if it holds anything else.
pub(crate) fn examine(file: &File, place: &Place) -> Result<bool> {
    let io = |source| place.io("read", source, String::new());
    let mut start = [0; 56];
    let mut read = 0_usize;
    while let Some(rest @ [_, ..]) = start.get_mut(read..) {
        match file.read_at(rest, read as u64).map_err(io)? {
            0 => break,
            more => read = read.saturating_add(more),
        }
    }
    let word = |at| start.as_chunks().0.get(at).copied().map_or(0, u64::from_le_bytes);
    let [magic, version, layout, ready, root] = [0, 1, 2, 3, 6].map(word);
    if read == 0 {
        return Ok(true);
    }
    if start == [0; 56] {
        // Empty, or given memory by a creator that died before it wrote anything.
        return match is_zero(file).map_err(io)? {
            true => Ok(true),
            false => Err(mismatch(place, "its magic", "zero".to_owned(), "STRUCTST")),
        };
    }
    if magic != MAGIC {
        let found = if read < start.len() { format!("{read} bytes long") } else { format!("{magic:#018x}") };
        return Err(mismatch(place, "its magic", found, "STRUCTST"));
    }
    if ready != READY {
        // Nobody puts anything into a store before it is ready.
        return match (ready, root) {
            (0, 0) => Ok(true),
            _ => Err(Error::corrupt(
                "the header",
                "a store that is in use, but not ready",
                "a store that is ready",
            )),
        };
    }
    if version != FORMAT_VERSION {
        return Err(mismatch(place, "its format version", version.to_string(), &FORMAT_VERSION.to_string()));
    }
    if layout != fingerprint() {
        let expected = format!("{:#018x}", fingerprint());
        return Err(mismatch(place, "its layout", format!("{layout:#018x}"), &expected));
    }
    let length = file.metadata().map_err(io)?.len();
    if length < MIN_SIZE {
        return Err(mismatch(place, "its length", format!("{length} bytes"), "at least 65536 bytes"));
    }
    Ok(false)
}

/// Whether a file holds nothing.
fn is_zero(file: &File) -> std::io::Result<bool> {
    let mut bytes = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        match file.read_at(&mut bytes, at)? {
            0 => return Ok(true),
            read if bytes.iter().take(read).any(|byte| *byte != 0) => return Ok(false),
            read => at = at.saturating_add(read as u64),
        }
    }
}

/// The root of an arena, and whether there was none: it is created then, or if a new one is asked for. The caller holds the init lock.
fn root(store: &Store, reinit: bool, options: &Options) -> Result<(NodeId, bool)> {
    let arena = &store.arena;
    let named = || {
        let payload = arena.header().root.load(Ordering::Acquire);
        Raw { tag: Kind::Struct as u64, payload }.id().filter(|_| payload != 0)
    };
    let held = |root: NodeId| {
        let node = arena.node(root.index);
        node.is_ok_and(|node| owner_seat(node.head.word.load(Ordering::Acquire)).is_some())
    };
    let mut existing = named();
    if arena.writable() && existing.is_some_and(held) {
        // Perhaps by a process that died while it began anew: then this root is about to be taken back.
        arena.repair_dead()?;
        existing = named();
    }
    match existing {
        Some(old) if reinit => {
            let wait = Wait::at_most(options.timeout);
            let _held = Scope::new(store, arena.node(old.index)?, old, Mode::Tree, &wait)?;
            let renewed = operate(arena, old, |operation| {
                // In the record of the old one, for there may be no room left for another.
                let root = edit::renew(operation, old)?;
                operation.set(&arena.header().root, Raw::node(Kind::Struct, root).payload)?;
                operation.set(&arena.header().lifetime, options.lifetime())?;
                Ok(root)
            });
            if renewed.is_ok() {
                // Nobody has left anything in the new one.
                arena.accept_recovered(old.index);
            }
            renewed.map(|root| (root, false))
        }
        Some(root) => Ok((root, false)),
        None if !store.may_change() => Err(Error::not_ready(arena.place(), EMPTY, Duration::ZERO)),
        None if arena.header().nodes.load(Ordering::Acquire) != 0 => {
            Err(Error::corrupt("the header", "nodes without a root", "a root"))
        }
        None => {
            let operation = Operation::begin(arena)?;
            let root = operation.allocate_node(Kind::Struct)?;
            operation.set(&arena.header().root, Raw::node(Kind::Struct, root).payload)?;
            // Its first creator may have died before.
            operation.set(&arena.header().lifetime, options.lifetime())?;
            operation.commit()?;
            Ok((root, true))
        }
    }
}
