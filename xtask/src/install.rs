//! Installing the library for C and C++.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result};
use crate::workspace::Workspace;

/// The name that programs look for: that of the first versions, whose interface may change.
const SONAME: &str = "libstructstore.so.0";

/// Installs headers, libraries and what build systems look for, below a prefix.
///
/// # Errors
///
/// If an argument is not understood, the library cannot be built, or a file cannot be written.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let (mut prefix, mut profile) = (None, "release".to_owned());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--prefix", Some(value)) => prefix = Some(path::absolute(value)?),
            ("--profile", Some(value)) => profile.clone_from(value),
            _ => return Err(format!("expected `--prefix FOLDER [--profile PROFILE]`, found {arg:?}").into()),
        }
    }
    let prefix = prefix.ok_or("expected `--prefix FOLDER`")?;
    install(workspace, &prefix, &profile)
}

pub(crate) fn install(workspace: &Workspace, prefix: &Path, profile: &str) -> Result {
    let mut build = workspace.cargo();
    build.args(["rustc", "--locked", "-p", "structstore-c", "--lib", "--profile", profile]);
    // Without what tests link to, for that would not be optimized as a whole; and without symbols but those that are called.
    step::run(build.args(["--crate-type", "cdylib,staticlib", "--", "-C", "strip=symbols"]))?;
    let built = workspace.target.join(if profile == "dev" { "debug" } else { profile });
    let version = env!("CARGO_PKG_VERSION");
    let (include, lib) = (folder(prefix, "include")?, folder(prefix, "lib")?);
    for header in ["structstore.h", "structstore.hpp"] {
        fs::copy(workspace.root.join("structstore-c/include").join(header), include.join(header))?;
    }
    fs::copy(built.join("libstructstore_c.a"), lib.join("libstructstore.a"))?;
    let library = format!("libstructstore.so.{version}");
    // Not written over, for programs may have it in memory.
    remove(&lib.join(&library))?;
    fs::copy(built.join("libstructstore_c.so"), lib.join(&library))?;
    for name in [SONAME, "libstructstore.so"] {
        remove(&lib.join(name))?;
        symlink(&library, lib.join(name))?;
    }
    fs::write(folder(&lib, "pkgconfig")?.join("structstore.pc"), pkg_config(prefix, version))?;
    let cmake = folder(&lib, "cmake/structstore")?;
    fs::write(cmake.join("structstoreConfig.cmake"), CMAKE)?;
    fs::write(cmake.join("structstoreConfigVersion.cmake"), CMAKE_VERSION.replace("@VERSION@", version))?;
    println!("installed into {}: include, lib, lib/pkgconfig, lib/cmake", prefix.display());
    Ok(())
}

fn folder(above: &Path, name: &str) -> Result<PathBuf> {
    let folder = above.join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn remove(file: &Path) -> Result {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn pkg_config(prefix: &Path, version: &str) -> String {
    format!(
        "prefix={}
includedir=${{prefix}}/include
libdir=${{prefix}}/lib

Name: structstore
Description: Structured object storage, dynamically typed, shared between processes
Version: {version}
Cflags: -I${{includedir}}
Libs: -L${{libdir}} -lstructstore
Libs.private: -lpthread -ldl -lm -lgcc_s
",
        prefix.display()
    )
}

/// Targets for `find_package(structstore)`, wherever the prefix has been moved to.
const CMAKE: &str = r#"get_filename_component(structstore_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
foreach(structstore_kind IN ITEMS structstore static)
    if(NOT TARGET structstore::${structstore_kind})
        if(structstore_kind STREQUAL "static")
            add_library(structstore::static STATIC IMPORTED)
            set_target_properties(structstore::static PROPERTIES
                IMPORTED_LOCATION "${structstore_prefix}/lib/libstructstore.a"
                INTERFACE_LINK_LIBRARIES "pthread;dl;m;gcc_s")
        else()
            add_library(structstore::structstore SHARED IMPORTED)
            set_target_properties(structstore::structstore PROPERTIES
                IMPORTED_LOCATION "${structstore_prefix}/lib/libstructstore.so"
                IMPORTED_SONAME "libstructstore.so.0")
        endif()
        set_target_properties(structstore::${structstore_kind} PROPERTIES
            INTERFACE_INCLUDE_DIRECTORIES "${structstore_prefix}/include")
    endif()
endforeach()
set(structstore_FOUND TRUE)
"#;

/// Until 1.0, another minor version is another interface.
const CMAKE_VERSION: &str = r#"set(PACKAGE_VERSION "@VERSION@")
string(REGEX MATCH "^[0-9]+[.][0-9]+" structstore_series "${PACKAGE_VERSION}")
if(PACKAGE_FIND_VERSION MATCHES "^${structstore_series}([.]|$)" AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
    if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
        set(PACKAGE_VERSION_EXACT TRUE)
    endif()
endif()
"#;

/// Installs it, and builds a program in each way that users have.
pub(crate) fn check(workspace: &Workspace) -> Result {
    if !is_there("g++") {
        println!("NOT RUN: there is no g++ that builds programs in C++");
        return Ok(());
    }
    let scratch = workspace.target.join("c");
    let _ = fs::remove_dir_all(&scratch);
    let prefix = scratch.join("prefix");
    install(workspace, &prefix, "release")?;
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    let source = workspace.root.join("examples/cpp/control.cpp");
    let compile = |program: &str, options: &[String]| {
        let mut compiler = Command::new("g++");
        compiler.args(["-std=c++17", "-O2", "-o"]).arg(scratch.join(program)).arg(&source).args(options);
        step::run(&mut compiler)?;
        try_out(&scratch.join(program), &lib)
    };
    let (include, libraries) = (format!("-I{}", include.display()), format!("-L{}", lib.display()));
    compile("plain", &[include, libraries, "-lstructstore".to_owned()])?;
    if is_there("pkg-config") {
        let mut tool = Command::new("pkg-config");
        tool.args(["--cflags", "--libs", "structstore"]).env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
        let said = String::from_utf8(tool.output()?.stdout)?;
        compile("pkg_config", &said.split_whitespace().map(str::to_owned).collect::<Vec<_>>())?;
    } else {
        println!("NOT RUN: there is no pkg-config");
    }
    if !is_there("cmake") {
        println!("NOT RUN: there is no cmake");
        return Ok(());
    }
    let find = "find_package(structstore 0.2 REQUIRED)";
    let folder = workspace.root.join("structstore-c");
    let add = format!("add_subdirectory({} structstore)", folder.display());
    for (name, package, targets) in [
        ("installed", find, &["structstore::structstore", "structstore::static"][..]),
        ("subdirectory", &add, &["structstore::structstore"]),
    ] {
        let project = self::folder(&scratch, name)?;
        let programs = targets.iter().enumerate().map(|(number, target)| {
            format!(
                "add_executable(control{number} {})\ntarget_link_libraries(control{number} PRIVATE {target})\n",
                source.display()
            )
        });
        let head =
            "cmake_minimum_required(VERSION 3.13)\nproject(user LANGUAGES CXX)\nset(CMAKE_CXX_STANDARD 17)\n";
        let text = format!("{head}{package}\n{}", programs.collect::<String>());
        fs::write(project.join("CMakeLists.txt"), text)?;
        let build = project.join("build");
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&project).arg("-B").arg(&build);
        step::run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())))?;
        step::run(Command::new("cmake").arg("--build").arg(&build))?;
        for number in 0..targets.len() {
            try_out(&build.join(format!("control{number}")), &lib)?;
        }
    }
    Ok(())
}

pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs the control loop for a moment.
fn try_out(program: &Path, lib: &Path) -> Result {
    let name = format!("/structstore_c_{}", std::process::id());
    step::run(Command::new(program).args([&name, "0.1"]).env("LD_LIBRARY_PATH", lib))
}
