//! Compilers, and programs that they make.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

/// The crate's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library that was built with these tests, under the name that it is installed as.
pub(crate) fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let copy = || {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libstructstore.so.0");
        let beside = library.with_extension(std::process::id().to_string());
        fs::copy(built(), &beside).unwrap();
        fs::rename(beside, &library).unwrap();
        library
    };
    LIBRARY.get_or_init(copy).clone()
}

fn built() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let found = [&*deps, deps.parent().unwrap()].map(|folder| folder.join("libstructstore_c.so"));
    found.into_iter().find(|library| library.exists()).expect("the library is built with its tests")
}

/// A language: the environment variable that names its compiler, and the usual compilers.
pub(crate) struct Language(&'static str, [&'static str; 2]);

pub(crate) const C: Language = Language("CC", ["gcc", "clang"]);
pub(crate) const CPP: Language = Language("CXX", ["g++", "clang++"]);

/// Returns the compiler that the environment names, or else the installed ones. Prints a note if there is none.
pub(crate) fn compilers(Language(variable, names): Language) -> Vec<String> {
    if let Ok(named) = env::var(variable) {
        return vec![named];
    }
    let is_there = |name: &&&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let found: Vec<String> = names.iter().filter(is_there).map(ToString::to_string).collect();
    if found.is_empty() {
        eprintln!("NOT RUN: none of {} is installed", names.join(", "));
    }
    found
}

/// Returns these options and, unless under emulation, the ones for sanitizers.
pub(crate) fn and_sanitized<'o>(options: &[&'o [&'o str]], sanitized: &'o [&'o str]) -> Vec<&'o [&'o str]> {
    if env::var_os("STRUCTSTORE_EMULATED").is_some() {
        eprintln!("NOT RUN: {sanitized:?}, which emulators do not bear");
        return options.to_vec();
    }
    [options, &[sanitized]].concat()
}

/// A program of a source file in `tests/programs`, compiled and linked.
pub(crate) fn compile(compiler: &str, options: &[&str], source: &Path, program: &Path) {
    let library = library();
    let folder = library.parent().unwrap();
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]).args(options);
    command.arg("-I").arg(root().join("include")).arg("-o").arg(program).arg(source);
    command.arg(&library).arg(format!("-Wl,-rpath,{}", folder.display())).arg("-lpthread");
    succeed(&mut command);
}

/// Runs something that has to succeed. What it has printed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}
