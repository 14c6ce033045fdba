//! The tests on ARM, by emulation: `aarch64.sh` makes a chroot that builds for it.
//!
//! An emulator runs threads as the host's processor does, which on x86-64 reorders less than ARM may. What the fences are for is
//! shown on paper only: ARCHITECTURE.md, "Locks".

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::page::Page;
use crate::step::{self, Result};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Tests within one process and across processes. What kills processes by the thousand, or compiles, takes too long here.
const TESTS: [&str; 22] = [
    "batches",
    "derive",
    "ending",
    "errors",
    "evolution",
    "fields",
    "full",
    "inspect",
    "lifetime",
    "limits",
    "neighbour",
    "opening",
    "processes",
    "read_only",
    "recovery",
    "seats",
    "streams",
    "streams_shared",
    "transactions",
    "values",
    "views",
    "watch",
];

/// Packages that are tested as a whole.
const PACKAGES: [&str; 4] = ["structstore-c", "structstore-cli", "structstore-record", "structstore-serve"];

/// In which operations processes die, at one in sixteen stores.
const DEATHS: &str = "STRUCTSTORE_CASE=remove";

/// Tests of what the emulator leaves out or changes: limits of address space and of time, memory that children do not inherit, counts of page
/// faults, what a process and its memory look like in /proc, and the error for a file that is no program. And of threads that write without a pause,
/// which take it minutes.
const BEYOND_EMULATION: [&str; 9] = [
    "documents_that_nest_without_end_are_refused",
    "ls_shows_attached_processes",
    "memory_is_committed_in_pages_of_64_kib",
    "memory_that_is_mapped_at_once_costs_no_faults",
    "reading_without_locks_goes_on_while_others_write_without_a_pause",
    "open_that_fails_leaves_no_name",
    "run_creates_a_store_for_a_command",
    "a_process_that_closed_its_descriptors_lives",
    "closed_descriptors_in_another_pid_namespace_are_no_death",
];

/// Which of the packages on PyPI run there.
const PLATFORMS: [&str; 3] = ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"];

/// In the chroot: builds the wheel that is shipped, with the maturin and the zig of this machine. $1 is where their packages are.
const WHEEL: &str = "
    export PYO3_CROSS=1 PYO3_CROSS_PYTHON_VERSION=3.10 CARGO_ZIGBUILD_ZIG_PATH=$1/ziglang/zig
    # These are zig.
    unset CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER CC CXX
    rm -rf /target/wheels
    cd structstore-py
    exec /workspace/target/venv/bin/maturin build --offline --locked --release --target $CARGO_BUILD_TARGET \
        --zig --compatibility manylinux_2_28 --out /target/wheels
";

/// In the chroot: runs the demo with what is installed there, and the tests but for those of the tool, which needs a command, and those of
/// damaged segments, which take long.
const PYTHON: &str = "
    cargo build --offline --locked -p structstore-examples --example telemetry
    export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/target/python
    segment=/structstore_demo_$$
    /target/$CARGO_BUILD_TARGET/debug/examples/telemetry $segment --seconds 6 &
    # Debian's Python has libraries of its own.
    unset QEMU_LD_PREFIX
    python3 examples/telemetry.py $segment --seconds 6
    wait $!
    exec python3 -m pytest --quiet -p no:cacheprovider tests/python \
        --ignore tests/python/test_hostile.py --ignore tests/python/test_cli.py --ignore tests/python/test_stack.py \
        --ignore tests/python/test_docs.py \
        --deselect tests/python/test_package.py::test_version_is_that_of_the_distribution
";

/// Runs the tests, or what `args` say: `wheel` for the wheel and its tests, or a command in the workspace, which finds cargo there.
///
/// # Errors
///
/// If the chroot cannot be made or a test fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    if !is_root()? {
        eprintln!("== aarch64: did not run, because it makes a chroot, which takes root");
        return Ok(());
    }
    if args == ["wheel"] {
        return python(workspace);
    }
    if !args.is_empty() {
        return step::run(&mut command(workspace, args)?);
    }
    let test = |rest: &[&str]| {
        let cargo = ["env", DEATHS, "cargo", "test", "--offline", "--locked"];
        let words: Vec<String> = cargo.iter().chain(rest).map(ToString::to_string).collect();
        step::run(&mut command(workspace, &words)?)
    };
    let skipped = BEYOND_EMULATION.iter().flat_map(|test| ["--skip", test]);
    let skipped: Vec<&str> = ["--no-fail-fast", "--"].into_iter().chain(skipped).collect();
    test(&[&["-p", "structstore-core", "--lib"], &skipped[..]].concat())?;
    let mut across = vec!["-p", "structstore-tests"];
    across.extend(TESTS.iter().flat_map(|test| ["--test", test]));
    across.extend(&skipped);
    test(&across)?;
    test(&["-p", "structstore-tests", "--features", "crash-points", "--test", "deaths"])?;
    for package in PACKAGES {
        test(&[&["-p", package, "--tests"], &skipped[..]].concat())?;
    }
    python(workspace)
}

/// The wheel, and the tests in Python of that, with packages for ARM that the Python of this machine fetches.
fn python(workspace: &Workspace) -> Result {
    let root = workspace.target.join("aarch64/root");
    let (packages, wheels) = (root.join("target/python"), workspace.target.join("aarch64/wheels"));
    let venv = Venv::new(workspace);
    Page::new(workspace).build()?;
    venv.pip_install(["maturin>=1.9.4,<2", "ziglang"])?;
    let mut site = Command::new(venv.python()?);
    let site = site.args(["-c", "import ziglang; print(ziglang.__path__[0])"]).output()?;
    let site = String::from_utf8(site.stdout)?;
    let site = Path::new(site.trim()).parent().and_then(|site| site.strip_prefix(&workspace.root).ok());
    let site = Path::new("/workspace").join(site.ok_or("ziglang is not in the virtual environment")?);
    let build = ["sh", "-euc", WHEEL, "sh", &site.to_string_lossy()].map(str::to_owned);
    step::run(&mut command(workspace, &build)?)?;
    let _ = fs::remove_dir_all(&wheels);
    fs::create_dir_all(&wheels)?;
    let built = fs::read_dir(root.join("target/wheels"))?.next().ok_or("maturin has built no wheel")??;
    let wheel = wheels.join(built.file_name());
    println!("{} bytes  {}", fs::copy(built.path(), &wheel)?, wheel.display());
    let _ = fs::remove_dir_all(&packages);
    let mut pip = Command::new(venv.python()?);
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(packages);
    // Those of the Python that the chroot has, which is Debian's.
    pip.args(["--only-binary=:all:", "--implementation=cp", "--python-version=3.14"]);
    pip.args(PLATFORMS.map(|platform| format!("--platform={platform}")));
    step::run(
        pip.args(["numpy", "pytest", "hypothesis", "attrs", "pydantic", "jsonschema", "mcap", "pandas"])
            .arg(&wheel),
    )?;
    step::run(&mut command(workspace, &["sh", "-euc", PYTHON].map(str::to_owned))?)
}

fn command(workspace: &Workspace, args: &[String]) -> Result<Command> {
    // What the chroot compiles was fetched here.
    step::run(workspace.cargo().args(["fetch", "--locked"]))?;
    let home =
        std::env::var_os("CARGO_HOME").map(Into::into).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registry = home.ok_or("there is no home directory, and no $CARGO_HOME")?.join("registry");
    let mut shell = Command::new("sh");
    shell.arg(workspace.root.join("xtask/src/aarch64.sh")).arg(workspace.target.join("aarch64/root"));
    shell.arg(&workspace.root).arg(registry).args(args);
    Ok(shell)
}

/// Whether this process may do what root may.
fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output()?;
    Ok(id.stdout.trim_ascii() == b"0")
}
