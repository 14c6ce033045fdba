//! Constants and functions that the processes of the soak share.

use std::time::Duration;

use structstore::{Result, Struct, Value};

/// The sum of the two accounts, at any time.
pub const TOTAL: i64 = 1000;

/// How long a single operation may take, waiting included: far longer than a process that a busy machine does not run makes others
/// wait, and shorter than the soak.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pseudo-random numbers; the same ones for the same seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins a sequence.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 to below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Xorshift; Marsaglia, "Xorshift RNGs" (2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Puts the accounts into a store.
///
/// # Errors
///
/// Those of the store.
pub fn open_accounts(store: &Struct) -> Result<()> {
    let fields = [("left", Value::from(TOTAL)), ("right", 0_i64.into()), ("log", Value::List(Vec::new()))];
    store.set("accounts", Value::record(fields))
}

/// The sum of both accounts, as of one moment.
///
/// # Errors
///
/// Those of the store.
pub fn total(store: &Struct) -> Result<i64> {
    let accounts = store.at("accounts")?;
    let guard = accounts.read()?;
    Ok(guard.get::<i64>("left")? + guard.get::<i64>("right")?)
}
