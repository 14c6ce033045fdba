//! The command `structstore`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(structstore_cli::main(std::env::args_os()))
}
