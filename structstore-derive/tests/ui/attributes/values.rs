use structstore::StructStore;

const NAME: &str = "name";

#[derive(StructStore)]
#[structstore(crate = structstore)]
struct Settings {
    #[structstore(rename = 5)]
    num: i32,
    #[structstore(rename = NAME)]
    flag: bool,
    #[structstore(rename)]
    text: String,
    #[structstore(default = )]
    gain: f64,
}

fn main() {}
