//! Arrays of the `ndarray` crate as fields.

use ndarray::{Array, Dim, Dimension};

use super::array::{TypedArrayMut, TypedArrayRef, free};
use super::list::AsList;
use super::{Binder, BoundNode, Field, Lender, NdArray, Schema, SlotRef};
use crate::error::{Error, Result};
use crate::value::{ArrayValue, Element, Kind, ToValue, Value};

pub(super) fn refused(error: ndarray::ShapeError) -> Error {
    Error::invalid("shape", error.to_string(), "a shape that ndarray takes")
}

macro_rules! ndarray_fields {
    ($($dimensions:literal),*) => {$(
        impl<T: Element> ToValue for Array<T, Dim<[usize; $dimensions]>> {
            fn to_value(&self) -> Result<Value<'_>> {
                let dense = self.as_standard_layout();
                match (self.as_slice(), dense.as_slice()) {
                    (Some(elements), _) => Ok(ArrayValue::from_slice(self.shape(), elements)?.into()),
                    (None, Some(elements)) => {
                        Ok(ArrayValue::from_slice(self.shape(), elements)?.into_owned().into())
                    }
                    (None, None) => Ok(Value::Null),
                }
            }
        }

        impl<T: Element> Field for Array<T, Dim<[usize; $dimensions]>> {
            type Ref<'s> = TypedArrayRef<'s, T, $dimensions>;
            type Mut<'s> = TypedArrayMut<'s, T, $dimensions>;
            type Place = BoundNode;
            type Repeated = AsList;
            const KIND: Kind = Kind::Array;

            fn initial() -> Self {
                // SAFETY: any bytes are elements (`Element`), so zeroes are.
                Array::from_elem([0; $dimensions], unsafe { std::mem::zeroed() })
            }

            fn schema() -> Schema {
                free::schema::<T, $dimensions>()
            }

            fn field_value(&self) -> Result<Value<'_>> {
                ToValue::to_value(self)
            }

            fn from_value(value: Value<'_>) -> Result<Self> {
                let (shape, elements) = free::from_value::<T, $dimensions>(&value)?;
                Array::from_shape_vec(shape, elements).map_err(refused)
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
                free::resolve::<T, $dimensions>(binder, slot)
            }

            fn check(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()> {
                free::check::<T, $dimensions>(place, lender, exclusive)
            }

            fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Self> {
                let (shape, elements) = free::load::<T, $dimensions>(place, lender)?;
                Array::from_shape_vec(shape, elements).map_err(refused)
            }

            fn assign(lent: &mut TypedArrayMut<'_, T, $dimensions>, value: &Self) -> Result<()> {
                let (dense, mut shape) = (value.as_standard_layout(), [0; $dimensions]);
                shape.iter_mut().zip(value.shape()).for_each(|(to, extent)| *to = *extent);
                lent.set(shape, dense.as_slice().unwrap_or_default())
            }

            fn reborrow<'a, 's: 'a>(
                lent: &'a mut TypedArrayMut<'s, T, $dimensions>,
            ) -> TypedArrayMut<'a, T, $dimensions> {
                lent.reborrow()
            }

            unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayRef<'s, T, $dimensions> {
                TypedArrayRef::new(place, lender)
            }

            unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayMut<'s, T, $dimensions> {
                TypedArrayMut::new(place, lender)
            }
        }
    )*};
}
ndarray_fields!(1, 2, 3, 4, 5, 6);

impl<T: Element, const D: usize> TryFrom<NdArray<T, D>> for Array<T, Dim<[usize; D]>>
where
    [usize; D]: ndarray::IntoDimension<Dim = Dim<[usize; D]>>,
    Dim<[usize; D]>: Dimension,
{
    type Error = Error;

    fn try_from(array: NdArray<T, D>) -> Result<Self> {
        Array::from_shape_vec(array.shape(), array.into_vec()).map_err(refused)
    }
}
