use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    #[structstore(default = "five")]
    num: i32,
    #[structstore(default = 256)]
    byte: u8,
    #[structstore(default = [0.0; 5])]
    gains: [f64; 6],
    #[structstore(default = 5)]
    gain: f64,
}

fn main() {}
