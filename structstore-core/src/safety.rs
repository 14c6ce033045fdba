//! What other processes may do to you, what is guaranteed, and what is not.
//!
//! # What others may do
//!
//! A store is for programs that trust each other: who may write to a segment may write all of it. That is its user alone,
//! unless [`Options::mode`](crate::Options::mode) says otherwise; a segment that belongs to somebody else is not opened
//! unless that is [asked for](crate::Options::any_owner); who attaches
//! [read-only](crate::Options::read_only) can change nothing, and hold up nobody; what it copies is of one moment, or an
//! [error](crate::ErrorKind::Contended). The others may, at any time:
//!
//! - change or remove anything that you do not hold. A handle to something that is gone is an
//!   [error](crate::ErrorKind::StaleHandle) when it is used, never something else that has come in its place;
//! - hold a lock for as long as they like. Whatever has `timeout` in its name gives up in time. A process that is stopped in
//!   the few instructions in which it has the heap holds up whatever allocates; only an operation that is in the middle of
//!   its own changes at that moment cannot be ended until the process goes on or dies;
//! - fill the segment up to its [`max_size`](crate::Options::max_size), or the file system it lies in. That is
//!   [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace), and not a signal;
//! - be killed at any instruction. Each operation and transaction has then happened or not; what was held is free again
//!   once the kernel has taken the process down, and [`recovered`](crate::guard::StructRef::recovered) says that there was one.
//!
//! # What is guaranteed
//!
//! Whatever bytes a segment holds when it is opened, and whatever processes that keep to the protocol do later, safe code
//! gets a value or an error: no crash, no endless wait for what is broken, no access outside of the mapping. Damage that
//! is met is [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt); [`Struct::check`](crate::Struct::check) looks for it everywhere.
//!
//! - `&mut` from a guard is the only way to what it leads to: across threads and processes, and beside all other handles
//!   of the same thread, which get [`ErrorKind::HeldByGuard`](crate::ErrorKind::HeldByGuard). `&` from a guard does not change.
//! - Truth values, enums and text are looked at before they are lent as such.
//! - An [`ArrayView`](crate::ArrayView) keeps its memory, whoever removes the array or closes the store. It lends cells and
//!   copies, never slices; slices are lent by guards of blocks that nobody has a view of. In a forked child it stays what it
//!   was, shared or, if the child [could not be attached](crate::ErrorKind::Detached), private.
//! - No address in a store moves while it grows, and it never shrinks.
//!
//! # What is not
//!
//! - **Writing through a view without a lock.** Elements of arrays are plain memory: others may see such a change half done,
//!   and a copy that is made meanwhile may mix old and new elements. They are numbers whatever happens, so that this is a
//!   matter of values, not of memory. Assign whole arrays, or write under a guard and read under one.
//! - **Scribbling.** A process that writes into the mapping past the protocol, by a wild pointer or on purpose, while another
//!   one holds a guard, changes what that one's references say cannot change. Nothing can defend against it but
//!   permissions. What it leaves behind is checked like anything else.
//! - **Truncating the file** of a live segment. The next access to the missing part ends the process with SIGBUS.
//! - **Small stacks.** A thread that uses a store needs a stack of 128 KiB, whatever it does (measured on x86-64, at the
//!   greatest depth of nesting).
//! - **Closing descriptors that are not yours.** A process that does so stays attached, and is not taken for dead. But it cannot
//!   make the store larger any more, nor find out who has died: another process has to.
//! - **Raw forks.** Children are told apart in handlers of `pthread_atfork`. One that is made by the bare system call shares
//!   what is its parent's until it executes another program, and must not use the store.
//! - **The loss of power.** Nothing is flushed to a disk. The death of processes is survived, not that of the machine; a
//!   store in a file that was open at the time may hold any mixture of old and new pages. Write
//!   [images](crate::Struct::to_bytes) where that matters.
//! - **Waiting in a circle.** Two threads that wait for what the other one holds wait for ever, unless they have set a
//!   limit. Where a single thread would wait for itself, that is an error at once.
//!
//! # One exception in the code
//!
//! Reads without a lock load words that another thread of the same process may be storing to through a `&mut` from its
//! guard. Each such read looks at the lock words before and after, and is discarded if anything was held or has changed in
//! between; no value of it is ever used. By the letter of Rust's memory model the load is a data race nevertheless: it is the
//! exception that is usually made for sequence locks. So is the copy of an array's elements while another thread of the
//! process writes to them through a view. About what happens between processes the model says nothing.
