//! A mirror while it runs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use structstore::binding_support::Thread;
use structstore::path::Path;
use zenoh::{Session, Wait};

use crate::error::{Error, Result};
use crate::follower::{Follower, following};
use crate::network::Network;
use crate::owner::Owner;
use crate::parts::Selection;
use crate::plain::Plain;
use crate::shared::Shared;
use crate::status::{Part, Status};

/// What is mirrored, and how.
///
/// ```
/// use structstore_mirror::Options;
///
/// let options = Options::new().own("arm".parse()?).follow("camera".parse()?).exclude("camera.raw".parse()?);
/// # let _ = options;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    own: Vec<Path>,
    follow: Vec<Path>,
    exclude: Vec<Path>,
    key: Option<String>,
    rate: f64,
    write: bool,
    plain: bool,
    status: bool,
}

impl Default for Options {
    fn default() -> Options {
        let (own, follow, exclude, key) = Default::default();
        Options { own, follow, exclude, key, rate: 200.0, write: false, plain: false, status: false }
    }
}

impl Options {
    /// Nothing is mirrored yet.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// Owns a part: publishes its changes. The root stands for the whole store.
    #[must_use]
    pub fn own(mut self, part: Path) -> Options {
        self.own.push(part);
        self
    }

    /// Follows a part: applies the changes that its owner publishes.
    #[must_use]
    pub fn follow(mut self, part: Path) -> Options {
        self.follow.push(part);
        self
    }

    /// Leaves out what is at a path, and all below.
    #[must_use]
    pub fn exclude(mut self, path: Path) -> Options {
        self.exclude.push(path);
        self
    }

    /// The name of the store on the network; that of the store unless given.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Options {
        self.key = Some(key.into());
        self
    }

    /// How many times a second changes are sent, at most. What changes more often is sent with its newest state.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Options {
        self.rate = if rate.is_finite() { rate.clamp(0.1, 10_000.0) } else { self.rate };
        self
    }

    /// Of an owner: applies changes that followers ask for, under the limits of the fields. Of a follower: asks the owner for changes that are
    /// made here, instead of putting them back.
    #[must_use]
    pub fn write(mut self, write: bool) -> Options {
        self.write = write;
        self
    }

    /// Publishes each field that changes as JSON under a key of its own, `robot/arm/x`, for programs that know nothing of stores. Without
    /// guarantees.
    #[must_use]
    pub fn publish(mut self, publish: bool) -> Options {
        self.plain = publish;
        self
    }

    /// Says in the struct `@mirror` of a store that follows how it is going: `connected`, `lag` in seconds, `seq`, and the `time`
    /// of that in seconds since 1970. `structstore stat` shows it.
    #[must_use]
    pub fn show_status(mut self, show: bool) -> Options {
        self.status = show;
        self
    }

    fn check(&self) -> Result<()> {
        if self.own.is_empty() && self.follow.is_empty() {
            return Err(Error::Invalid("give a part to own or to follow".to_owned()));
        }
        let all: Vec<&Path> = self.own.iter().chain(&self.follow).collect();
        for (at, path) in all.iter().enumerate() {
            if path.steps().iter().any(|step| matches!(step, structstore::path::Step::Index(_))) {
                return Err(Error::Invalid(format!("{path}: a part is a field, and no item of a list")));
            }
            let other =
                all.iter().skip(at + 1).find(|other| other.starts_with(path) || path.starts_with(other));
            if let Some(other) = other {
                let named = |path: &Path| {
                    if path.is_root() { "the whole store".to_owned() } else { path.to_string() }
                };
                return Err(Error::Invalid(format!("{} is a part of {}", named(other), named(path))));
            }
        }
        Ok(())
    }
}

/// A mirror of a store. It ends when it is dropped.
///
/// ```no_run
/// use structstore_mirror::{Mirror, Network, Options};
///
/// let network = Network::new().connect("tls/robot:7447").certificates("ca.pem", "desk.pem", "desk.key");
/// let mirror = Mirror::start("/robot", &network, Options::new().follow("arm".parse()?))?;
/// println!("{}", mirror.status().to_json());
/// # Ok::<(), structstore_mirror::Error>(())
/// ```
pub struct Mirror {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

impl Mirror {
    /// Mirrors parts of a store of this machine. The store need not exist yet, and no peer need be reachable.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for contradictory or unsafe options, [`Error::Network`] if an endpoint cannot be used.
    pub fn start(place: impl Into<PathBuf>, network: &Network, options: Options) -> Result<Mirror> {
        options.check()?;
        let place = place.into();
        let key = options.key.clone().unwrap_or_else(|| place.display().to_string());
        let parts = |owned: bool, paths: &[Path]| {
            let part = |path: &Path| Part { path: path.clone(), owned, ..Part::default() };
            paths.iter().map(part).collect::<Vec<Part>>()
        };
        let parts = [parts(true, &options.own), parts(false, &options.follow)].concat();
        let prepared = network.prepare(&key)?;
        let shared = Arc::new(Shared::new(place, key, network.lease_time(), parts));
        let ours = Arc::clone(&shared);
        let run = move || {
            if !options.follow.is_empty() {
                // There is a store to look at before anybody is reached.
                let _ = following().open(&ours.place);
            }
            let Some(session) = prepared.open(&ours) else { return };
            run(&session, &ours, &options);
            let _ = session.close().wait();
        };
        let thread = Thread::start("mirror", run).map_err(Error::thread)?;
        Ok(Mirror { shared, thread: Some(thread) })
    }

    /// Returns the current status.
    pub fn status(&self) -> Status {
        self.shared.read_status()
    }

    /// What has happened since the last call: local changes that were reverted or refused, messages that could not be read.
    pub fn remarks(&self) -> Vec<String> {
        self.shared.remarks.lock().drain(..).collect()
    }

    /// Returns whether the mirror is running. It ends by itself if another process owns a part.
    pub fn is_running(&self) -> bool {
        !self.shared.is_over()
    }

    /// Stops the mirror.
    ///
    /// # Errors
    ///
    /// What has ended it before: [`Error::Owned`].
    pub fn stop(mut self) -> Result<()> {
        self.end();
        match self.shared.failed.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.over.store(true, Ordering::SeqCst);
        thread.join();
    }
}

/// Owns and follows until the mirror ends.
fn run(session: &Session, shared: &Arc<Shared>, options: &Options) {
    let select = |offset: usize, paths: &[Path]| {
        let selection = |path: &Path| Selection::new(path.clone(), &options.exclude);
        paths.iter().enumerate().map(|(at, path)| (offset + at, selection(path))).collect::<Vec<_>>()
    };
    let (owned, followed) = (select(0, &options.own), select(options.own.len(), &options.follow));
    let follow =
        move || Follower::new(session, shared, &followed, options.write, options.status).map(Follower::run);
    let own = move || {
        let plain = options.plain.then(|| Plain::new(session, &shared.key));
        let period = Duration::from_secs_f64(1.0 / options.rate);
        // It may wait for one that has died to be forgotten.
        Owner::new(session, shared, &owned, period, options.write, plain).map(Owner::run)
    };
    let named = |name: &str| thread::Builder::new().name(format!("structstore-{name}"));
    thread::scope(|scope| {
        let mut threads: Vec<io::Result<_>> = Vec::new();
        if !options.follow.is_empty() {
            threads.push(named("follow").spawn_scoped(scope, || finish(shared, follow)));
        }
        if !options.own.is_empty() {
            threads.push(named("own").spawn_scoped(scope, || finish(shared, own)));
        }
        for error in threads.into_iter().filter_map(io::Result::err) {
            shared.fail(Error::thread(error));
        }
    });
}

/// Does what a thread of a mirror is for.
fn finish(shared: &Shared, work: impl FnOnce() -> Result<()>) {
    if let Err(error) = structstore::binding_support::without_hooks(work) {
        shared.fail(error);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let at = |text: &str| text.parse::<Path>().unwrap();
        let refused = |options: Options| options.check().unwrap_err().to_string();
        assert!(refused(Options::new()).contains("a part to own"));
        assert!(
            refused(Options::new().own(at("arm")).follow(at("arm.x"))).contains("arm.x is a part of arm")
        );
        assert!(refused(Options::new().own(at("arm")).own(Path::ROOT)).contains("is a part of"));
        assert!(refused(Options::new().own(at("list[3]"))).contains("no item of a list"));
        Options::new().own(at("arm")).follow(at("camera")).check().unwrap();
    }
}
