use std::time::SystemTime;

use crate::step::{self, Result};
use crate::workspace::Workspace;
use crate::{compile, peers, ratios, show};

/// Runs the benchmarks of what has no like elsewhere. `args` are cargo's: filters, then `--` and what only the
/// Rust harness understands.
///
/// # Errors
///
/// If the wheel cannot be built or a benchmark fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    match args {
        [only] if only == "derive" => return compile::run(workspace),
        [only] if only == "show" => return show::run(workspace),
        [only] if only == "serve" => return serve(workspace),
        [only] if only == "record" => return record(workspace),
        [only] if only == "mirror" => return mirror(workspace),
        [first, rest @ ..] if first == "peers" => return peers::run(workspace, rest),
        [first, ..] if first == "--check" => return peers::run(workspace, args),
        _ => {}
    }
    let mut bench = workspace.cargo();
    bench.args(["bench", "--locked", "-p", "structstore-tests"]).args(args);
    let start = SystemTime::now();
    step::run(&mut bench)?;
    ratios::print(&workspace.target, start);

    if args.is_empty() {
        compile::run(workspace)?;
        show::run(workspace)?;
        serve(workspace)?;
        record(workspace)?;
        println!("`cargo xtask bench peers` compares it with what one would use instead.");
    }
    Ok(())
}

/// What recording costs, and reading.
fn record(workspace: &Workspace) -> Result {
    step::run(workspace.cargo().args(["bench", "--locked", "-p", "structstore-record", "--bench", "record"]))
}

/// What a mirror costs. It takes minutes to build, also without optimizing all of it at once, and so is not among the others.
fn mirror(workspace: &Workspace) -> Result {
    let mut bench = workspace.cargo();
    bench.args([
        "bench",
        "--locked",
        "--config",
        "profile.bench.lto=false",
        "--config",
        "profile.bench.codegen-units=16",
    ]);
    bench.args(["-p", "structstore-mirror", "--bench", "mirror"]);
    step::run(&mut bench)
}

/// What pages of the live viewer cost.
fn serve(workspace: &Workspace) -> Result {
    step::run(workspace.cargo().args(["bench", "--locked", "-p", "structstore-serve", "--bench", "pages"]))
}
