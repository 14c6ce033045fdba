//! Runs one operation on a store, and dies during it. The arguments are the segment, the operation, and the number of the store
//! to shared memory at which to die, or 0.

use std::process::ExitCode;

use structstore_tests::deaths::cases;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [segment, name, death] = arguments.as_slice() else {
        eprintln!("usage: mortal SEGMENT OPERATION STORE");
        return ExitCode::FAILURE;
    };
    let (cases, death) = (cases(), death.parse().unwrap_or(0));
    let Some(case) = cases.iter().find(|case| case.name == *name) else {
        eprintln!("no such operation: {name}");
        return ExitCode::FAILURE;
    };
    match case.run(segment, death) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
