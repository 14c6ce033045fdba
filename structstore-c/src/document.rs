//! Structs and lists as JSON, YAML and snapshots, and back.

use std::ffi::c_char;

use structstore::binding_support::from_document;
use structstore::{Error, Result, Value};

use crate::node::{Node, stst_node};
use crate::object::{Object, elements, text};
use crate::place::{Place, stst_place};
use crate::status::{status, stst_status};
use crate::strings::stst_strings;

fn value(node: &Node) -> Result<Value<'static>> {
    match node {
        Node::Struct(node) => node.to_value(),
        Node::List(node) => node.to_value(),
    }
}

/// Writes a struct or list as JSON for people: arrays become lists, and NaN and infinities are written as such.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_to_json(
    node: *const stst_node,
    indent: bool,
    json: *mut *mut stst_strings,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let value = value(&stst_node::of(node)?.node)?;
        stst_strings::of_all([if indent { format!("{value:#}") } else { value.to_string() }], json)
    })
}

/// Writes a struct or list as YAML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_to_yaml(node: *const stst_node, yaml: *mut *mut stst_strings) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let written = serde_saphyr::to_string(&value(&stst_node::of(node)?.node)?);
        let written = written
            .map_err(|error| Error::unsupported(error.to_string(), "a value that YAML can express"))?;
        stst_strings::of_all([written], yaml)
    })
}

/// Assigns the value of a JSON document: objects become structs, arrays become lists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_json(
    place: *const stst_place,
    json: *const c_char,
    length: usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (place, json) = (Place::of(place)?, text(json, length, "json")?);
        let read: Value<'static> = serde_json::from_str(json)
            .map_err(|error| Error::invalid("json", error.to_string(), "a document in JSON"))?;
        place.set(from_document(read)?)
    })
}

/// Takes a snapshot of a struct, which `stst_restore`, Rust and Python can read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_to_bytes(node: *const stst_node, bytes: *mut *mut stst_strings) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_strings::of_all([stst_node::of(node)?.structure()?.to_bytes()?], bytes) })
}

/// Replaces the contents of a struct with those of a snapshot, in one operation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_restore(
    node: *const stst_node,
    bytes: *const u8,
    length: usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_node::of(node)?.structure()?.restore(elements(bytes, length, "bytes")?) })
}
