use structstore::StructStore;

#[derive(StructStore)]
#[structstore(crate = "structstore", crate = "structstore")]
struct Settings {
    #[structstore(default = 5, default = 6)]
    num: i32,
    #[structstore(rename = "on")]
    #[structstore(rename = "off")]
    flag: bool,
}

fn main() {}
