use structstore::StructStore;

#[derive(StructStore)]
enum Shape {
    Point,
    Circle(f64),
    Square { side: f64 },
}

#[derive(StructStore)]
enum Never {}

fn main() {}
