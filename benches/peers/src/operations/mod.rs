//! One thread, one operation at a time.

mod arrays;
mod bound;
mod documents;
mod fields;
mod lists;
mod locks;
mod streams;
mod texts;

use crate::report::Report;

pub fn all(report: &mut Report) {
    fields::all(report);
    bound::all(report);
    locks::all(report);
    lists::all(report);
    arrays::all(report);
    texts::all(report);
    documents::all(report);
    streams::all(report);
}
