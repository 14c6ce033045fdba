//! What a page shows beside the tree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::watch::Found;

use crate::edit::Rights;
use crate::elements::Elements;
use crate::inbox::Newest;
use crate::message::{self, Out};
use crate::plot::{Plot, missing};
use crate::sampler::Sampler;
use crate::source::Opened;
use crate::{info, picture, vector};

/// How often memory, processes and locks are brought up to date.
const INFO: Duration = Duration::from_secs(1);

pub(crate) enum Panel {
    Plot(Plot),
    Picture(message::Picture, Content),
    Vector(message::Vector, Content),
    Table(message::Table, Content),
    Info { due: Instant },
}

/// What is drawn of an array.
#[derive(Default)]
pub(crate) struct Content {
    /// What was found last, if it was not drawn yet.
    pub(crate) fresh: Option<Newest>,
    complaint: Option<String>,
}

impl Panel {
    /// The array that it shows, and what is known of it.
    pub(crate) fn content(&mut self) -> Option<(&Path, &mut Content)> {
        match self {
            Panel::Picture(asked, content) => Some((&asked.path.0, content)),
            Panel::Vector(asked, content) => Some((&asked.path.0, content)),
            Panel::Table(asked, content) => Some((&asked.path.0, content)),
            Panel::Plot(_) | Panel::Info { .. } => None,
        }
    }

    /// How many lines are plotted.
    pub(crate) fn lines(&self) -> usize {
        match self {
            Panel::Plot(plot) => plot.len(),
            _ => 0,
        }
    }

    /// Lets go of all that is of the store.
    pub(crate) fn forget_store(&mut self) {
        if let Panel::Plot(plot) = self {
            plot.forget_store();
        } else if let Some((_, content)) = self.content() {
            *content = Content::default();
        }
    }

    /// When there is something to draw: `soon` at the earliest, and for what is looked at again and again `next`.
    pub(crate) fn due(&self, soon: Instant, next: Instant) -> Option<Instant> {
        match self {
            Panel::Plot(_) => Some(next),
            Panel::Picture(_, content) | Panel::Vector(_, content) | Panel::Table(_, content) => {
                content.fresh.is_some().then_some(soon)
            }
            Panel::Info { due } => Some((*due).max(next)),
        }
    }

    /// Adds messages for what is new.
    pub(crate) fn draw(
        &mut self,
        id: u64,
        opened: &Opened,
        sampler: &Arc<Sampler>,
        rights: &Rights,
        out: &mut Vec<Out>,
    ) {
        match self {
            Panel::Plot(plot) => plot.draw(opened.root(), sampler, out),
            Panel::Picture(asked, content) => {
                content.draw(id, |elements| picture::draw(asked, elements).map(Out::Binary), out);
            }
            Panel::Vector(asked, content) => {
                content.draw(id, |elements| vector::line(asked, elements).map(Out::Binary), out);
            }
            Panel::Table(asked, content) => {
                let is_stream = content
                    .fresh
                    .as_ref()
                    .is_some_and(|(_, found)| matches!(**found, Some(Found::Stream(_))));
                let writable = rights.allow(&asked.path.0) && !is_stream;
                content.draw(id, |elements| Ok(Out::text(&vector::table(asked, elements, writable))), out);
            }
            Panel::Info { due } if *due <= Instant::now() => {
                *due = Instant::now() + INFO;
                let message = info::message(id, opened);
                out.push(Out::text(&message.unwrap_or_else(|error| missing(id, None, &error.to_string()))));
            }
            Panel::Info { .. } => {}
        }
    }
}

impl Content {
    fn draw(&mut self, id: u64, draw: impl FnOnce(Elements<'_>) -> Result<Out, String>, out: &mut Vec<Out>) {
        let Some((_, found)) = self.fresh.take() else { return };
        let drawn = match &*found {
            None => Err("there is no such field".to_owned()),
            Some(found) => Elements::of(found).and_then(draw),
        };
        match drawn {
            Ok(message) => {
                out.push(message);
                self.complaint = None;
            }
            Err(error) if self.complaint.as_ref() == Some(&error) => {}
            Err(error) => {
                out.push(Out::text(&missing(id, None, &error)));
                self.complaint = Some(error);
            }
        }
    }
}
