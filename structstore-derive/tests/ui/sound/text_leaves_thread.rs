use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    text: String,
}

fn send<T: Send>() {}

fn main() {
    send::<SettingsRef<'_>>();
    // What can be replaced by a larger one allocates, which belongs to the thread that has the lock.
    send::<SettingsMut<'_>>();
}
