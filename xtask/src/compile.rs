//! How long structs with the derive take to compile, beside the same structs with serde's.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::step::{self, Result};
use crate::workspace::Workspace;

const STRUCTS: usize = 50;
const FIELDS: usize = 20;
const BUILDS: usize = 5;
const LIMIT: f64 = 2.0;
const TYPES: [&str; 10] = ["i32", "i64", "f32", "f64", "bool", "String", "u8", "u16", "u32", "u64"];

/// Builds both by turns and prints the ratio of the medians.
///
/// # Errors
///
/// If either does not build.
pub(crate) fn run(workspace: &Workspace) -> Result {
    let core = workspace.root.join("structstore-core");
    let ours = Package::new(
        workspace,
        "derive-ours",
        "structstore::StructStore",
        &format!("structstore = {{ package = \"structstore-core\", path = {core:?} }}"),
    )?;
    let theirs = Package::new(
        workspace,
        "derive-serde",
        "serde::Serialize, serde::Deserialize",
        "serde = { version = \"1\", features = [\"derive\"] }",
    )?;
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for round in 0..=BUILDS {
        let (our_time, their_time) = (ours.build(workspace)?, theirs.build(workspace)?);
        // The first builds the dependencies.
        if round > 0 {
            our_times.push(our_time);
            their_times.push(their_time);
        }
    }
    let (our_time, their_time) = (median(our_times), median(their_times));
    let ratio = our_time.as_secs_f64() / their_time.as_secs_f64();
    let remark = if ratio <= LIMIT { "" } else { "  over" };
    println!(
        "\ncompiling {STRUCTS} structs of {FIELDS} fields: {:.2} s, with serde's derives {:.2} s: {ratio:.2}, at most {LIMIT}{remark}",
        our_time.as_secs_f64(),
        their_time.as_secs_f64()
    );
    Ok(())
}

/// A package of its own, outside of the workspace.
struct Package(PathBuf);

impl Package {
    fn new(workspace: &Workspace, name: &str, derives: &str, dependency: &str) -> Result<Package> {
        let root = workspace.target.join("compile").join(name);
        fs::create_dir_all(root.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n\n[workspace]\n"
        );
        fs::write(root.join("Cargo.toml"), manifest)?;
        // The same versions as everywhere here.
        fs::copy(workspace.root.join("Cargo.lock"), root.join("Cargo.lock"))?;
        let mut source = String::new();
        for at in 0..STRUCTS {
            write!(source, "#[derive({derives})]\npub struct S{at} {{\n")?;
            for field in 0..FIELDS {
                writeln!(source, "    pub field_{field}: {},", TYPES[(at + field) % TYPES.len()])?;
            }
            source.push_str("}\n");
        }
        fs::write(root.join("src/lib.rs"), source)?;
        Ok(Package(root))
    }

    fn build(&self, workspace: &Workspace) -> Result<Duration> {
        let source = self.0.join("src/lib.rs");
        fs::File::options().append(true).open(&source)?.set_modified(std::time::SystemTime::now())?;
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--quiet", "--manifest-path"]).arg(self.0.join("Cargo.toml"));
        cargo.env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", workspace.target.join("compile/target"));
        let start = Instant::now();
        step::run(&mut cargo)?;
        Ok(start.elapsed())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
