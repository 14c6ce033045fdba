//! How nodes change. Functions here take an [`Operation`], and are called with the node held exclusively.

mod array;
mod assign;
mod build;
mod describe;
pub(crate) mod list;
mod merge;
mod structure;
mod undeclare;
mod version;

pub(crate) use array::{End, change_end};
pub(crate) use assign::{
    Assigned, FixedType, assign_field, assign_fields, assign_part, assign_plain, assign_root, convert_array,
    declare, fit_array, fix, note_elements, overwrite, publish_array, renew, replace_block, replace_by,
    retype, set_element, unfix, unshare, widen_to_array,
};
pub(crate) use build::{Aside, build, build_array, copy_array, set_contents};
pub(crate) use describe::{
    check_extent, declare_meta, describe, describe_below, describe_by, limit, limit_item,
};
pub(crate) use merge::merge_below;
pub(crate) use structure::Writer;
pub(crate) use undeclare::undeclare;
pub(crate) use version::{record_version, record_versions_below};

use crate::arena::layout::Slot;
use crate::error::Result;
use crate::journal::Operation;
use crate::node::Raw;

impl Raw {
    /// Replaces what a slot holds.
    pub(crate) fn set(self, operation: &Operation<'_>, slot: &Slot) -> Result<()> {
        let old = Raw::load(slot);
        if old.tag != self.tag {
            operation.set(&slot.tag, self.tag)?;
        }
        if old.payload != self.payload {
            operation.set(&slot.payload, self.payload)?;
        }
        Ok(())
    }
}
