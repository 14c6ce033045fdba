//! The types of numbers: the one table of them.

/// Calls a macro with a row for each type of numbers: its kind, the type in Rust, NumPy's type string, and whether it is an
/// `Integer` or a `Float`.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_number {
    ($each:ident) => {
        $each! {
            I8 i8 "|i1" Integer;
            I16 i16 "<i2" Integer;
            I32 i32 "<i4" Integer;
            I64 i64 "<i8" Integer;
            U8 u8 "|u1" Integer;
            U16 u16 "<u2" Integer;
            U32 u32 "<u4" Integer;
            U64 u64 "<u8" Integer;
            F32 f32 "<f4" Float;
            F64 f64 "<f8" Float;
        }
    };
}
