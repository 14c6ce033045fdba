//! What was so at one moment, and how it is put into a store.

use structstore::binding_support::within;
use structstore::guard::StructMut;
use structstore::path::Step;
use structstore::{Struct, Value};

use super::topic::{Entry, Source, Topic};
use crate::decode;

/// What has one time: it was so at one moment, and is put into a store in one transaction.
#[derive(Default)]
pub(crate) struct Look<'t> {
    time: u64,
    messages: Vec<(&'t Topic, Vec<u8>)>,
    size: usize,
}

/// The largest look that is read, in bytes of its messages.
const LARGEST_LOOK: usize = 1 << 30;

impl<'t> Look<'t> {
    /// Whether a message belongs to it.
    pub(crate) fn has(&self, entry: &Entry<'_, '_>) -> bool {
        !self.messages.is_empty() && self.time == entry.time
    }

    pub(crate) fn add(&mut self, entry: &Entry<'t, '_>) -> Result<(), Failed> {
        self.time = entry.time;
        self.size += size_of::<(&Topic, Vec<u8>)>() + entry.data.len();
        if self.size > LARGEST_LOOK {
            return Err(Failed::Message(format!("messages of more than {LARGEST_LOOK} bytes at one time")));
        }
        self.messages.push((entry.topic, entry.data.to_vec()));
        Ok(())
    }

    /// Puts it into a store, and is empty then.
    pub(crate) fn apply(&mut self, store: &Struct) -> Result<(), Failed> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.messages);
        self.size = 0;
        store.transaction(|root| messages.iter().try_for_each(|(topic, data)| apply(root, topic, data)))
    }
}

/// Why a message cannot be put into a store.
pub(crate) enum Failed {
    Message(String),
    Store(structstore::Error),
}

impl From<structstore::Error> for Failed {
    fn from(error: structstore::Error) -> Failed {
        Failed::Store(error)
    }
}

impl From<String> for Failed {
    fn from(message: String) -> Failed {
        Failed::Message(message)
    }
}

/// Puts what a message says into a store.
fn apply(root: &mut StructMut<'_>, topic: &Topic, data: &[u8]) -> Result<(), Failed> {
    match topic.source {
        Source::Struct => {
            let message = decode::of_struct(data, &topic.spec)?;
            within(root, topic.path.steps(), &mut |part| {
                let stays = |name: &str| {
                    message.fields.iter().any(|(field, _)| field == name)
                        || message.parts.iter().any(|(field, _)| field == name)
                        || topic.only.as_ref().is_some_and(|only| !only.iter().any(|field| field == name))
                };
                for name in part.names()?.iter().filter(|name| !stays(name)) {
                    part.delete_forced(&**name)?;
                }
                for (name, kind) in message.parts.iter().filter(|(_, kind)| kind == "struct") {
                    let is_there = part.kind(&**name).is_ok_and(|found| found.name() == kind);
                    if !is_there {
                        part.set(&**name, Value::Struct(Vec::new()))?;
                    }
                }
                Ok(part.update(message.fields.iter().map(|(name, value)| (name.as_str(), value)))?)
            })
        }
        Source::Array => {
            let array = decode::of_array(data)?;
            let Some((Step::Name(name), above)) = topic.path.steps().split_last() else { return Ok(()) };
            within(root, above, &mut |part| Ok(part.set(&**name, &array)?))
        }
        Source::Stream | Source::Marks => Ok(()),
    }
}
