//! The documentation site: guide pages, and the references of both languages, in one folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{self, Result};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// The crates in the reference.
const CRATES: [&str; 5] =
    ["structstore-core", "structstore-derive", "structstore-serve", "structstore-record", "structstore-c"];

/// Builds the site into `target/docs`. Every link within it leads somewhere.
///
/// # Errors
///
/// If a page has a link that leads nowhere, or anything fails.
pub(crate) fn run(workspace: &Workspace) -> Result {
    let venv = Venv::new(workspace);
    let python = venv.python_with_wheel()?;
    let tools = venv.another("venv-docs");
    let requirements = workspace.root.join("docs/requirements.txt");
    tools.pip_install(["--requirement".as_ref(), requirements.as_os_str()])?;
    let (site, pages) = (workspace.target.join("docs"), workspace.target.join("docs-pages"));
    let _ = fs::remove_dir_all(&pages);
    fs::create_dir_all(pages.join("src"))?;
    fs::copy(workspace.root.join("docs/mkdocs.yml"), pages.join("mkdocs.yml"))?;
    for entry in fs::read_dir(workspace.root.join("docs/src"))? {
        let path = entry?.path();
        let target = pages.join("src").join(path.file_name().unwrap_or_default());
        fs::write(target, as_shown(&fs::read_to_string(path)?))?;
    }
    let report = fs::read_to_string(workspace.root.join("benches/peers/REPORT.md"))?;
    let report = report.replacen("# Report of", "# Benchmarks of", 1);
    fs::write(pages.join("src/benchmarks.md"), report)?;
    let mut mkdocs = Command::new(tools.python()?);
    mkdocs.args(["-m", "mkdocs", "build", "--quiet", "--strict", "--clean", "--config-file"]);
    mkdocs.arg(pages.join("mkdocs.yml")).arg("--site-dir").arg(&site);
    step::run(&mut mkdocs)?;

    // Where the wheel is, with what that needs.
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements);
    step::run(&mut pip)?;
    let mut pdoc = Command::new(python);
    pdoc.args(["-m", "pdoc", "--output-directory"]).arg(site.join("python")).arg("structstore");
    step::run(pdoc.current_dir(&workspace.target))?;

    let mut doc = workspace.cargo();
    doc.args(["doc", "--no-deps", "--locked", "--all-features"]);
    doc.args(CRATES.iter().flat_map(|name| ["--package", name]));
    step::run(doc.current_dir(&workspace.root))?;
    copy(&workspace.target.join("doc"), &site.join("rust"))?;
    check_links(&site)?;
    println!("{}", site.join("index.html").display());
    Ok(())
}

/// Fails for a link of the guide that leads to no file of the site.
fn check_links(site: &Path) -> Result {
    let mut dead = Vec::new();
    for entry in fs::read_dir(site)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "html") || path.ends_with("404.html") {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let file = link.split(['#', '?']).next().unwrap_or_default();
            let elsewhere = link.contains("://") || link.starts_with("mailto:") || file.is_empty();
            if !elsewhere && !site.join(file).exists() {
                dead.push(format!("{}: {link}", path.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    match dead.is_empty() {
        true => Ok(()),
        false => Err(format!("links that lead nowhere:\n{}", dead.join("\n")).into()),
    }
}

/// The languages whose code can be in tabs, as pages name them before the code.
const LANGUAGES: [&str; 4] = ["**Rust**", "**Python**", "**C++**", "**Shell**"];

/// A page as the site shows it: code below the name of a language is in a tab, and what only tests need is left out. The sources are plain Markdown, which rustdoc can
/// test, too.
fn as_shown(page: &str) -> String {
    let mut shown = String::new();
    let (mut tab, mut code): (bool, Option<bool>) = (false, None);
    for line in page.lines() {
        if code.is_none() && LANGUAGES.contains(&line) {
            shown += &format!("=== \"{}\"\n\n", line.trim_matches('*'));
            tab = true;
            continue;
        }
        let indent = if tab { "    " } else { "" };
        match (code, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let language = language.split(',').next().unwrap_or_default();
                code = Some(language == "rust");
                shown += &format!("{indent}```{language}\n");
            }
            (Some(_), Some("")) => {
                shown += &format!("{indent}```\n");
                (code, tab) = (None, false);
            }
            (Some(true), _) if line == "#" || line.starts_with("# ") => {}
            _ if line.is_empty() => shown.push('\n'),
            _ => shown += &format!("{indent}{line}\n"),
        }
    }
    shown
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = {
            let path = entry?.path();
            let target = to.join(path.file_name().unwrap_or_default());
            (path, target)
        };
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_below_a_language_is_in_a_tab() {
        let page = "# Page\n\n**Rust**\n```rust,no_run\n# hidden();\nlet x = 1;\n\nx\n```\n\n**Shell**\n```console\n# shown\n```\n\ntext\n";
        let shown = "# Page\n\n=== \"Rust\"\n\n    ```rust\n    let x = 1;\n\n    x\n    ```\n\n=== \"Shell\"\n\n    ```console\n    # shown\n    ```\n\ntext\n";
        assert_eq!(as_shown(page), shown);
    }
}
