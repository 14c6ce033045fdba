//! What unit tests share, and those that belong to no one module.

mod damage;
mod metas;
mod references;

use crate::StructStoreShared;

/// A store in memory of its own, which no other test sees, and which damage does not leave.
pub(crate) fn store() -> StructStoreShared {
    let memory = nix::sys::memfd::memfd_create(c"test", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    StructStoreShared::options().open_fd(memory).unwrap()
}

/// Random numbers, the same ones in each run for one seed (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
