use structstore::StructStore;

#[derive(StructStore)]
struct Inner {
    num: i32,
}

#[derive(StructStore)]
struct Settings {
    #[structstore(skip, rename = "other", with = "module")]
    skipped: i32,
    #[structstore(flatten, rename = "other", default = Inner { num: 5 })]
    inner: Inner,
    #[structstore(with = "not a path")]
    with: i32,
    #[structstore(with = module)]
    unquoted: i32,
}

#[derive(StructStore)]
#[structstore(rename_all = "Title Case")]
struct Cased {
    #[structstore(rename_all = "lowercase")]
    num: i32,
}

#[derive(StructStore)]
enum Mode {
    #[structstore(default)]
    On,
    #[structstore(default)]
    Off,
    #[structstore(rename = "On", skip)]
    Other,
}

#[derive(StructStore)]
struct Metres(#[structstore(rename = "metres", default, default = 5.0)] f64);

fn main() {}
