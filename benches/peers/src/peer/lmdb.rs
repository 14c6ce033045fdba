//! LMDB.

use std::path::PathBuf;

use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvFlags, EnvOpenOptions};

use super::unique;

/// LMDB on tmpfs, which syncs nothing and writes to its map: as fast as it can be.
pub struct Lmdb {
    env: Env,
    database: Database<Str, Bytes>,
    path: PathBuf,
}

impl Lmdb {
    pub fn new(names: &[String]) -> Lmdb {
        let path = PathBuf::from(format!("/dev/shm{}", unique("lmdb")));
        std::fs::create_dir(&path).unwrap();
        let lmdb = Lmdb::open(path);
        let mut transaction = lmdb.env.write_txn().unwrap();
        for (at, name) in names.iter().enumerate() {
            lmdb.database.put(&mut transaction, name, &(at as i64).to_ne_bytes()).unwrap();
        }
        transaction.commit().unwrap();
        lmdb
    }

    pub fn open(path: PathBuf) -> Lmdb {
        let mut options = EnvOpenOptions::new();
        // SAFETY: nobody else has the file; what a crash loses is of no interest.
        let env = unsafe {
            options.flags(EnvFlags::NO_SYNC | EnvFlags::WRITE_MAP | EnvFlags::NO_META_SYNC);
            options.map_size(256 << 20).open(&path).unwrap()
        };
        let mut transaction = env.write_txn().unwrap();
        let database = env.create_database(&mut transaction, None).unwrap();
        transaction.commit().unwrap();
        Lmdb { env, database, path }
    }

    /// Closes it; a process may have it open once only, and none that it has from its parent.
    pub fn close(self) -> PathBuf {
        self.path
    }

    pub fn get(&self, name: &str) -> i64 {
        let transaction = self.env.read_txn().unwrap();
        let bytes = self.database.get(&transaction, name).unwrap().unwrap();
        i64::from_ne_bytes(bytes.try_into().unwrap())
    }

    /// A get within a transaction that stays: of how things were when that began.
    pub fn snapshot<'a>(&'a self) -> impl FnMut(&str) -> i64 + 'a {
        let transaction = self.env.read_txn().unwrap();
        move |name| {
            let bytes = self.database.get(&transaction, name).unwrap().unwrap();
            i64::from_ne_bytes(bytes.try_into().unwrap())
        }
    }

    pub fn set(&self, name: &str, value: i64) {
        let mut transaction = self.env.write_txn().unwrap();
        self.database.put(&mut transaction, name, &value.to_ne_bytes()).unwrap();
        transaction.commit().unwrap();
    }

    pub fn remove(self) {
        std::fs::remove_dir_all(&self.path).unwrap();
    }
}
