//! Lists: slots before they are Rust types.

use crate::access::{Access, Located, Part};
use crate::error::Result;
use crate::handle::{self, ArrayView, List};
use crate::node::meta::limits_of;
use crate::node::{Raw, list};
use crate::ops::{self, Slot, lists};
use crate::value::{DType, Extras, Snapshot, Value};

/// What bindings ask of lists.
pub trait ListExt {
    /// Looks at an item, if there is one at that index.
    ///
    /// # Errors
    ///
    /// As [`List::find`].
    fn look(&self, index: usize) -> Result<Option<Slot<'_>>>;

    /// Whether its items have limits.
    ///
    /// # Errors
    ///
    /// As [`List::get`].
    fn has_limits(&self) -> Result<bool>;

    /// All that is there as of one moment. Less is copied and allocated for it than for an owned value.
    ///
    /// # Errors
    ///
    /// As [`List::to_value`].
    fn snapshot(&self) -> Result<Snapshot>;

    /// An array in the store's memory that is not in the store yet, to be filled.
    ///
    /// # Errors
    ///
    /// As [`List::fill`].
    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView>;

    /// Assigns what was prepared, in the same store, to an item, or appends it.
    ///
    /// # Errors
    ///
    /// As [`Filling::publish`](crate::typed::Filling::publish).
    fn publish(&self, index: Option<usize>, view: &ArrayView) -> Result<()>;

    /// Appends copies of the items until they are there `times` times.
    ///
    /// # Errors
    ///
    /// As [`List::extend`].
    fn repeat(&self, times: usize) -> Result<()>;

    /// Replaces the items at some indices, in one operation, or removes them where there are fewer values than indices.
    ///
    /// # Errors
    ///
    /// As [`List::set`].
    fn replace_at(&self, indices: &[usize], values: &[Value<'_>]) -> Result<()>;
}

impl ListExt for List {
    #[inline(always)]
    fn look(&self, index: usize) -> Result<Option<Slot<'_>>> {
        let (handle, part) = (&self.handle, Part::Index(index));
        let raw = handle.read(|arena, node| match index as u64 {
            index if index < list::len(node) => Ok(Some(Raw::load(list::slot(arena, node, index)?))),
            _ => Ok(None),
        });
        Ok(raw.at_part(handle, part)?.map(|raw| Slot::new(handle, raw, part)))
    }

    fn has_limits(&self) -> Result<bool> {
        let limits = |arena: &_, node: &_| {
            limits_of(arena, node).map(|limits| limits.is_some_and(|limits| limits.limits_parts()))
        };
        self.handle.read(limits).at(&self.handle)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(ops::snapshot(&self.handle, Extras::default())?.snapshot())
    }

    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView> {
        handle::unpublished(&self.handle, dtype, shape)
    }

    fn publish(&self, index: Option<usize>, view: &ArrayView) -> Result<()> {
        let value = handle::filled_value(view)?;
        let at = match index {
            Some(index) => lists::set(&self.handle, index, &value).map(|()| index)?,
            None => lists::push(&self.handle, &value)
                .and_then(|()| self.len())
                .map(|len| len.saturating_sub(1))?,
        };
        // Where another process has put or taken something meanwhile, it is of no array that the view could tell.
        if let Ok(Some(slot)) = self.look(at)
            && let Some(array) = slot.raw.id()
        {
            view.is_of(array);
        }
        Ok(())
    }

    fn repeat(&self, times: usize) -> Result<()> {
        lists::repeat(&self.handle, times)
    }

    fn replace_at(&self, indices: &[usize], values: &[Value<'_>]) -> Result<()> {
        lists::replace_at(&self.handle, indices, values)
    }
}
