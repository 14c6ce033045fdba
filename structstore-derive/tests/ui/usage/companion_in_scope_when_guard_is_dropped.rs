// The first example of the documentation: that a companion was used does not keep its guard from being dropped, so
// that nothing which a guard lends may need to be dropped itself.

use structstore::StructStore;

#[derive(StructStore)]
struct Settings {
    #[structstore(default = 5)]
    num: i32,
    #[structstore(default = "foo")]
    text: String,
}

fn main() -> structstore::Result<()> {
    let settings = StructStore::new().bind::<Settings>()?;
    let mut guard = settings.write()?;
    let s = guard.fields_mut();
    *s.num = 42;
    drop(guard);
    assert_eq!(settings.load()?.num, 42);
    Ok(())
}
