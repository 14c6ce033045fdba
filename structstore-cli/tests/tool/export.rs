//! `get --npy` and `get --png`.

use std::fs;
use std::io::Cursor;
use std::process::Command;

use structstore::stream::Stream;
use structstore::{ArrayValue, DType, StructStoreShared, Value};
use structstore_tests::{SegmentName, python};

use crate::command::structstore;

struct Picture {
    color: png::ColorType,
    depth: png::BitDepth,
    size: (u32, u32),
    pixels: Vec<u8>,
}

fn decoded(file: Vec<u8>) -> Picture {
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    Picture { color: info.color_type, depth: info.bit_depth, size: (info.width, info.height), pixels }
}

#[test]
fn arrays_are_exported_as_pictures() {
    let name = SegmentName::new("png");
    let store = StructStoreShared::open(&name).unwrap();
    let bytes: Vec<u8> = (0..24).collect();
    let words: Vec<u16> = vec![0, 1, 256, 65535, 7, 8];
    let bools = ArrayValue::new(DType::new("|b1").unwrap(), &[1, 2], vec![0, 1]).unwrap();
    store.set("grey", ArrayValue::from_slice(&[4, 6], &bytes).unwrap()).unwrap();
    store.set("one", ArrayValue::from_slice(&[4, 6, 1], &bytes).unwrap()).unwrap();
    store.set("rgb", ArrayValue::from_slice(&[2, 4, 3], &bytes).unwrap()).unwrap();
    store.set("rgba", ArrayValue::from_slice(&[2, 3, 4], &bytes).unwrap()).unwrap();
    store.set("deep", ArrayValue::from_slice(&[2, 3], &words).unwrap()).unwrap();
    store.set("mask", bools).unwrap();
    store.set("floats", ArrayValue::from_slice(&[1, 3], &[-1.0_f32, 0.0, 1.0]).unwrap()).unwrap();
    use png::{BitDepth, ColorType};
    let big: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    for (field, color, depth, size, pixels) in [
        ("grey", ColorType::Grayscale, BitDepth::Eight, (6, 4), &bytes[..]),
        ("one", ColorType::Grayscale, BitDepth::Eight, (6, 4), &bytes),
        ("rgb", ColorType::Rgb, BitDepth::Eight, (4, 2), &bytes),
        ("rgba", ColorType::Rgba, BitDepth::Eight, (3, 2), &bytes),
        ("deep", ColorType::Grayscale, BitDepth::Sixteen, (3, 2), &big),
        ("mask", ColorType::Grayscale, BitDepth::Eight, (2, 1), &[0, 255]),
        ("floats", ColorType::Grayscale, BitDepth::Eight, (3, 1), &[0, 128, 255]),
    ] {
        let written = structstore(&["get", &name, field, "--png", "-"]);
        assert_eq!((written.code(), written.err.as_str()), (0, ""), "{field}");
        let picture = decoded(written.out);
        assert_eq!((picture.color, picture.depth, picture.size), (color, depth, size), "{field}");
        assert_eq!(picture.pixels, pixels, "{field}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frame.png");
    let place = file.to_str().unwrap();
    structstore(&["get", &name, "rgb", "--png", place]).text();
    assert_eq!(decoded(fs::read(&file).unwrap()).size, (4, 2));

    store.set("line", [1.0, 2.0]).unwrap();
    store.set("two", ArrayValue::from_slice(&[2, 2, 2], &[0_u8; 8]).unwrap()).unwrap();
    store.set("wide", ArrayValue::from_slice(&[1, 2], &[1_i64, 2]).unwrap()).unwrap();
    store.set("none", ArrayValue::from_slice::<u8>(&[0, 2], &[]).unwrap()).unwrap();
    store.set("colours", ArrayValue::from_slice(&[1, 1, 3], &[0.5; 3]).unwrap()).unwrap();
    store.set("list", Value::list([1])).unwrap();
    for (field, found) in [
        ("line", "line: found f64[2], expected a picture: u8, bool or u16 of the shape [h, w]"),
        ("two", "two: found u8[2, 2, 2], expected"),
        ("wide", "wide: found i64[1, 2], expected"),
        ("none", "none: found u8[0, 2], expected"),
        ("colours", "colours: found f64[1, 1, 3], expected"),
        ("list", "list: found list, expected array"),
    ] {
        let complaint = structstore(&["get", &name, field, "--png", place]).complaint(4);
        assert!(complaint.contains(found), "{complaint}");
    }
    assert_eq!(decoded(fs::read(&file).unwrap()).size, (4, 2), "an error leaves the file as it was");
    // Of a stream of images, the newest one.
    let left = store.ensure_stream::<[u8]>("left", Stream::array([16, 32, 3]).depth(2)).unwrap();
    structstore(&["get", &name, "left", "--png", place]).complaint(4);
    for shade in [1, 2] {
        left.publish(&[shade; 16 * 32 * 3]).unwrap();
    }
    let picture = decoded(structstore(&["get", &name, "left", "--png", "-"]).out);
    assert_eq!((picture.size, picture.pixels), ((32, 16), vec![2; 16 * 32 * 3]));
    structstore(&["get", &name, "rgb", "--png", place, "--npy", place]).complaint(2);
    structstore(&["get", &name, "missing", "--png", place]).complaint(3);
}

#[test]
fn arrays_are_exported_for_numpy() {
    let name = SegmentName::new("npy");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("matrix", ArrayValue::from_slice(&[2, 3], &[1.5, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()).unwrap();
    let dtype = DType::structured("[('t', '<f8'), ('n', '<i4', (2,))]", 16).unwrap();
    store.set("records", ArrayValue::new(dtype, &[2], (0..32).collect::<Vec<u8>>()).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("matrix.npy");
    structstore(&["get", &name, "matrix", "--npy", file.to_str().unwrap()]).text();
    let written = fs::read(&file).unwrap();
    assert_eq!(written.len(), 128 + 48);
    assert!(
        written.starts_with(
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
        )
    );
    assert_eq!(structstore(&["get", &name, "matrix", "--npy", "-"]).out, written);
    structstore(&["get", &name, "", "--npy", "-"]).complaint(4);

    let Some(python) = python("arrays_are_exported_for_numpy") else { return };
    let records = folder.path().join("records.npy");
    structstore(&["get", &name, "records", "--npy", records.to_str().unwrap()]).text();
    let script = format!(
        "import numpy as np; m = np.load({file:?}); assert m.tolist() == [[1.5, 2.0, 3.0], [4.0, 5.0, 6.0]], m\n\
         r = np.load({records:?}); assert r.dtype.names == ('t', 'n') and r.tobytes() == bytes(range(32)), r"
    );
    assert!(Command::new(python).args(["-c", &script]).status().unwrap().success());
}
