//! What other processes may do, what is guaranteed, and what is not.
//!
//! # What others may do
//!
//! A store is for programs that trust each other: a process that may write to a segment may write all of it. By default,
//! these are the processes of its user; [`Options::mode`](crate::Options::mode) allows others. A segment of another user is
//! refused unless you [ask for it](crate::Options::any_owner). A process that attaches
//! [read-only](crate::Options::read_only) cannot change or block anything; a copy that it makes is consistent, or an
//! [error](crate::ErrorKind::Contended). Other processes may, at any time:
//!
//! - change or remove anything that you have not locked. Using a handle to a removed value is an
//!   [error](crate::ErrorKind::StaleHandle); the handle never leads to another value;
//! - hold a lock for as long as they like. [`within`](crate::Struct::within) limits how long you wait. A process that is stopped
//!   in the few instructions in which it has locked the heap blocks every allocation; only an operation that is in the middle
//!   of its own changes at that moment cannot give up until the process continues or dies;
//! - fill the segment up to its [`max_size`](crate::Options::max_size), or its file system. You get
//!   [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace), and no signal;
//! - be killed at any instruction. Each operation and transaction has then happened completely or not at all; its locks are
//!   released once the kernel has ended the process, and [`recovered`](crate::guard::StructRef::recovered) reports it.
//!
//! # What is guaranteed
//!
//! Whatever bytes a segment holds when it is opened, and whatever processes that follow the protocol do later, safe code
//! gets a value or an error: no crash, no endless wait, no access outside of the mapping. An operation that
//! finds damage returns [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt); [`Struct::check`](crate::Struct::check) looks for it everywhere.
//!
//! - A `&mut` from a guard is exclusive across threads and processes, and against other handles
//!   of the same thread, which get [`ErrorKind::HeldByGuard`](crate::ErrorKind::HeldByGuard). The target of a `&` from a guard does not change.
//! - Bools and strings are validated before a reference to them is lent, and enums whenever they are read.
//! - An [`ArrayView`](crate::ArrayView) keeps its memory when the array is removed or the store closed. It gives cells and
//!   copies, never slices; guards give slices of blocks that have no views. In a forked child a view stays
//!   shared or, if the child [could not be attached](crate::ErrorKind::Detached), becomes private.
//! - No address in a store moves while it grows, and it never shrinks.
//!
//! # What is not
//!
//! - **Writing through a view without a lock.** Elements of arrays are plain memory: others may see half of such a change,
//!   and a copy made at the same time may mix old and new elements. Any bytes are valid numbers, so that
//!   memory stays safe. Assign whole arrays, or write under a guard and read under one. The same holds for views of a
//!   [live](crate::ArrayValue::live) array, whose elements are assigned in place.
//! - **Stray writes.** A process that writes into the mapping outside of the protocol, through a wild pointer or on purpose,
//!   while another one holds a guard, breaks the promises of that guard's references. Only permissions defend against this. The
//!   bytes that it leaves are checked like any others.
//! - **Writing to frames that were published.** A reader has a frame of a [stream](crate::stream) as a slice. A publisher that keeps a pointer
//!   into a frame, such as a second NumPy array over it, and writes there after it was published, changes that slice.
//! - **Truncating the file** of a live segment. The next access to the missing part ends the process with SIGBUS.
//! - **Small stacks.** A thread that uses a store needs a stack of 128 KiB (measured on x86-64, at the greatest depth of
//!   nesting).
//! - **Closing the library's descriptors.** A process that does so stays attached, and does not count as dead. But it can no
//!   longer grow the store, nor detect dead processes: another process has to.
//! - **Raw forks.** Handlers of `pthread_atfork` attach forked children. A child made by the bare system call
//!   must not use the store before it executes another program.
//! - **Power failures.** Nothing is flushed to disk. A store survives the death of processes, not that of the machine; after
//!   the latter, a store in a file may hold any mixture of old and new pages. Write
//!   [snapshots](crate::Struct::to_bytes) if that matters.
//! - **Deadlocks.** Two threads that wait for each other's locks wait forever, unless they have set a
//!   timeout. A thread that would wait for itself gets an error at once.
//!
//! # One exception in the code
//!
//! Reads without a lock load words that another thread of the same process may be storing to through a `&mut` from its
//! guard. Each such read checks the lock words before and after; if anything was locked or has changed in
//! between, it is discarded and no value of it is used. By the letter of Rust's memory model, the load is nevertheless a data
//! race: the exception that is usually made for sequence locks. So is a copy of an array's elements while another thread of the
//! process writes to them through a view. The model says nothing about other processes.
