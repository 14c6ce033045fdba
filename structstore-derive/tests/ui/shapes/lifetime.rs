use structstore::StructStore;

#[derive(StructStore)]
struct Settings<'a, 's: 'a> {
    #[structstore(unknown)]
    name: &'a str,
    other: &'s str,
}

fn main() {}
