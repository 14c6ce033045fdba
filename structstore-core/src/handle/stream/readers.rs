//! Several streams, read side by side.

use std::time::Duration;

use super::wait::wait_any;
use super::{AnyCursor, AnySample, AnyStream};

/// Reads all samples of several streams, with a value of the caller for each.
///
/// ```
/// use structstore::StructStore;
/// use structstore::stream::{AnyStream, Readers, Stream};
/// use std::time::Duration;
///
/// let store = StructStore::new();
/// let force = store.ensure_stream::<f64>("force", Stream::depth(10))?;
/// let mut readers = Readers::default();
/// readers.add("force", store.get::<AnyStream>("force")?, 0);
/// force.publish(&0.5)?;
/// let mut found = Vec::new();
/// readers.wait(Duration::from_secs(1));
/// readers.read(100, &mut |name, sample| found.push((*name, sample.seq)));
/// assert_eq!(found, [("force", 0)]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Readers<T>(Vec<(T, AnyStream, AnyCursor)>);

impl<T> Default for Readers<T> {
    fn default() -> Readers<T> {
        Readers(Vec::new())
    }
}

impl<T> Readers<T> {
    /// Adds a stream from one of its samples on, unless it is read already.
    pub fn add(&mut self, of: T, stream: AnyStream, from: u64) {
        if !self.0.iter().any(|(_, known, _)| known.is_same(&stream)) {
            self.0.push((of, stream, AnyCursor::at(from)));
        }
    }

    /// Passes on new samples, up to `most` of each stream. Removed streams are not read any more. Returns whether there were samples.
    pub fn read(&mut self, most: usize, pass: &mut dyn FnMut(&mut T, AnySample)) -> bool {
        let mut any = false;
        self.0.retain_mut(|(of, stream, cursor)| {
            for _ in 0..most {
                match stream.try_next(cursor) {
                    Ok(Some(sample)) => {
                        any = true;
                        pass(of, sample);
                    }
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
            true
        });
        any
    }

    /// Waits until there is something to read, but not longer.
    pub fn wait(&self, timeout: Duration) {
        let waiting: Vec<_> = self.0.iter().map(|(_, stream, cursor)| (stream, cursor.next())).collect();
        if waiting.is_empty() || wait_any(&waiting, Some(timeout)).is_err() {
            std::thread::sleep(timeout);
        }
    }
}
