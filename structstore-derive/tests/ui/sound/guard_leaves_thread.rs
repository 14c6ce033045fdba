use structstore::{Binding, StructStore};
use structstore::guard::{BindingMut, BindingRef};

#[derive(StructStore)]
struct Settings {
    num: i32,
}

fn send<T: Send>() {}
fn sync<T: Sync>() {}

fn main() {
    // A binding is sent and shared, and each thread takes guards of its own.
    send::<Binding<Settings>>();
    sync::<Binding<Settings>>();

    send::<BindingMut<'_, Settings>>();
    send::<BindingRef<'_, Settings>>();
}
