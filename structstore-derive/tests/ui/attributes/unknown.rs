use structstore::StructStore;

#[derive(StructStore)]
#[structstore(rename_all = "camelCase")]
struct Settings {
    #[structstore(defualt = 5, rename = "number")]
    num: i32,
    #[structstore(skip, default(5))]
    flag: bool,
    #[structstore]
    text: String,
}

// That an attribute is wrong is all that is said: the struct can be used as if it were not there.
fn main() {
    let settings = StructStore::new().bind::<Settings>().unwrap();
    settings.with_mut(|s| *s.num += 1).unwrap();
}
