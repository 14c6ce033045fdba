//! Arrays in NumPy's file format.

use structstore::ArrayValue;

/// What the head takes is a multiple of this.
const ALIGNMENT: usize = 64;

/// An array as a .npy file, of version 1.0; of version 3.0 where its type has names beyond ASCII, or too many for the former.
///
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
pub(crate) fn file(array: &ArrayValue<'_>) -> Vec<u8> {
    let descr = match array.dtype().is_structured() {
        true => array.dtype().descr().to_owned(),
        false => format!("'{}'", array.dtype().descr()),
    };
    let extents = array.shape().iter().map(|extent| format!("{extent},")).collect::<Vec<_>>().join(" ");
    let shape = match array.shape() {
        [_] => extents,
        _ => extents.trim_end_matches(',').to_owned(),
    };
    let head = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({shape}), }}");
    let padded = |before: usize| {
        let length = before + head.len() + 1;
        let padding = length.next_multiple_of(ALIGNMENT) - length;
        format!("{head}{}\n", " ".repeat(padding))
    };
    let mut file = b"\x93NUMPY".to_vec();
    let short = padded(file.len() + 4);
    match u16::try_from(short.len()) {
        Ok(length) if short.is_ascii() => {
            file.extend([1, 0]);
            file.extend(length.to_le_bytes());
            file.extend(short.as_bytes());
        }
        _ => {
            let long = padded(file.len() + 6);
            file.extend([3, 0]);
            file.extend((long.len() as u32).to_le_bytes());
            file.extend(long.as_bytes());
        }
    }
    file.extend(array.data());
    file
}

#[cfg(test)]
mod tests {
    use structstore::DType;

    use super::*;

    fn head(array: &ArrayValue<'_>) -> (Vec<u8>, String) {
        let file = file(array);
        let body = file.len() - array.data().len();
        assert_eq!((body % ALIGNMENT, file[body - 1]), (0, b'\n'));
        assert_eq!(&file[body..], array.data());
        let (start, length) = match file[6] {
            1 => (10, usize::from(u16::from_le_bytes([file[8], file[9]]))),
            _ => (12, u32::from_le_bytes([file[8], file[9], file[10], file[11]]) as usize),
        };
        assert_eq!(start + length, body);
        (file[..8].to_vec(), String::from_utf8(file[start..body].to_vec()).unwrap().trim_end().to_owned())
    }

    #[test]
    fn files_have_heads_of_numpy() {
        let plain = |shape: &[usize], data: &[i16]| head(&ArrayValue::from_slice(shape, data).unwrap()).1;
        assert_eq!(plain(&[2, 3], &[0; 6]), "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }");
        assert_eq!(plain(&[4], &[0; 4]), "{'descr': '<i2', 'fortran_order': False, 'shape': (4,), }");
        assert_eq!(plain(&[], &[0]), "{'descr': '<i2', 'fortran_order': False, 'shape': (), }");
        let record = |descr: &str| ArrayValue::new(DType::structured(descr, 12).unwrap(), &[1], vec![7; 12]);
        let (version, text) = head(&record("[('t', '<f8'), ('n', '<i4')]").unwrap());
        assert_eq!(version, b"\x93NUMPY\x01\x00");
        assert_eq!(text, "{'descr': [('t', '<f8'), ('n', '<i4')], 'fortran_order': False, 'shape': (1,), }");
        let (version, _) = head(&record("[('größe', '<f8'), ('n', '<i4')]").unwrap());
        assert_eq!(version, b"\x93NUMPY\x03\x00");
    }
}
