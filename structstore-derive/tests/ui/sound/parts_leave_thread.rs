use structstore::StructStore;
use structstore::typed::{ChoiceMut, NdArray, OptionMut, TypedArrayMut, TypedArrayRef, TypedListMut, TypedListRef, TypedMapMut, TypedMapRef};

#[derive(StructStore)]
struct Settings {
    image: NdArray<u8, 2>,
}

#[derive(StructStore)]
enum Mode {
    On,
}

fn send<T: Send>() {}

fn main() {
    send::<TypedArrayMut<'_, f64>>();
    send::<TypedArrayRef<'_, f64, 2>>();
    send::<TypedListMut<'_, String>>();
    send::<TypedListRef<'_, String>>();
    send::<TypedMapMut<'_, f64>>();
    send::<TypedMapRef<'_, f64>>();
    send::<OptionMut<'_, f64>>();
    send::<ChoiceMut<'_, Mode>>();
    send::<SettingsMut<'_>>();
    send::<SettingsRef<'_>>();
}
