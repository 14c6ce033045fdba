//! Embeds the page, if it was built: `cargo xtask page` does so.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // It is always there, so that a build without the page is not made again each time.
    println!("cargo::rerun-if-changed=page/dist");
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("page/dist");
    let mut files: Vec<_> =
        fs::read_dir(&dist).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let embedded = files.iter().filter_map(|file| {
        let name = file.file_name()?.to_str()?;
        let kind = match file.extension()?.to_str()? {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            _ => return None,
        };
        Some(format!("Asset {{ name: {name:?}, kind: {kind:?}, contents: include_bytes!({file:?}) }},\n"))
    });
    let list = format!("&[\n{}]", embedded.collect::<String>());
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("assets.rs"), list).unwrap();
}
