use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{self, Path, PathBuf};
use std::process::{self, Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::install;
use crate::step::{self, Result};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// What starting up and finishing may take beyond the time that was asked for.
const GRACE: Duration = Duration::from_secs(20);

/// How long the processes run, unless it is said.
const SECONDS: u32 = 10;

const POLL: Duration = Duration::from_millis(20);

/// Shows a Rust process and a Python process that work on one store.
///
/// # Errors
///
/// If one of them fails or does not finish in time, or if they leave their segment behind.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let options = Options::parse(args)?;
    if options.cpp && !install::is_there("g++") {
        return Err("--cpp takes g++, which is not there".into());
    }
    println!("building the example and the Python package");
    let venv = Venv::new(workspace);
    let python = venv.python_with_wheel()?;
    if options.plot.is_some() {
        venv.pip_install(["matplotlib"])?;
    }
    let segment = format!("/structstore_demo_{}", process::id());
    if options.cpp {
        let shown = cpp(workspace, python, &segment, &options);
        let cleaned = remove_left_over(&segment);
        shown.and(cleaned)?;
        println!("both processes ended, and the segment is gone");
        return Ok(());
    }
    let mut build = workspace.cargo();
    build.args([
        "build",
        "--profile",
        "tested",
        "--locked",
        "-p",
        "structstore-examples",
        "--example",
        "telemetry",
    ]);
    step::run(&mut build)?;
    if options.serve {
        return serve(workspace, python, &segment, &options);
    }
    let shown = show(workspace, python, &segment, &options);
    let cleaned = remove_left_over(&segment);
    shown.and(cleaned)?;
    println!("both processes ended, and the segment is gone");
    Ok(())
}

fn show(workspace: &Workspace, python: &Path, segment: &str, options: &Options) -> Result {
    let seconds = options.seconds.unwrap_or(SECONDS);
    let limit = Duration::from_secs(seconds.into()) + GRACE;
    let seconds = seconds.to_string();

    let mut telemetry = Command::new(workspace.target.join("tested/examples/telemetry"));
    telemetry.args([segment, "--seconds", &seconds]).current_dir(&workspace.root);
    println!("a Rust process samples this machine into the shared segment {segment} for {seconds} s:");
    println!("  $ {}", step::shown(&telemetry));
    let started = Instant::now();
    let telemetry = Running { name: "the Rust process", child: step::spawn(&mut telemetry)? };

    let mut viewer = Command::new(python);
    viewer.arg(workspace.root.join("examples/telemetry.py"));
    viewer.args([segment, "--seconds", &seconds]).current_dir(&workspace.root);
    if let Some(plot) = &options.plot {
        viewer.arg("--plot").arg(plot);
    }
    println!("a Python process maps the same memory and works on it at the same time:");
    println!("  $ {}", step::shown(&viewer));
    let viewer = Running { name: "the Python process", child: step::spawn(&mut viewer)? };

    both([telemetry, viewer], started, limit)?;
    if let Some(plot) = &options.plot {
        println!("the plot is in {}", plot.display());
    }
    Ok(())
}

/// Waits until both have ended well.
fn both(of: [Running; 2], started: Instant, limit: Duration) -> Result {
    let mut running = Vec::from(of);
    while !running.is_empty() {
        let mut left = Vec::new();
        for mut one in running {
            match one.child.try_wait()? {
                None => left.push(one),
                Some(status) if status.success() => {}
                Some(status) => return Err(format!("{} ended with {status}", one.name).into()),
            }
        }
        running = left;
        if started.elapsed() > limit && !running.is_empty() {
            let names: Vec<_> = running.iter().map(|one| one.name).collect();
            return Err(format!("killed {}: still running after {limit:?}", names.join(" and ")).into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// Shows a control loop in C++, which a Python process tunes.
fn cpp(workspace: &Workspace, python: &Path, segment: &str, options: &Options) -> Result {
    let seconds = options.seconds.unwrap_or(4);
    let folder = workspace.target.join("demo");
    install::install(workspace, &folder, "tested")?;
    let (program, lib) = (folder.join("control"), folder.join("lib"));
    let mut compiler = Command::new("g++");
    compiler.args(["-std=c++17", "-O2", "-I"]).arg(folder.join("include")).arg("-o").arg(&program);
    compiler.arg(workspace.root.join("examples/cpp/control.cpp")).arg("-L").arg(&lib);
    step::run(compiler.args(["-lstructstore", &format!("-Wl,-rpath,{}", lib.display())]))?;
    let mut control = Command::new(program);
    control.args([segment, &seconds.to_string()]);
    println!(
        "a control loop in C++ runs at 1 kHz in the shared segment {segment}, and a Python process tunes it:"
    );
    println!("  $ {}", step::shown(&control));
    let started = Instant::now();
    let control = Running { name: "the C++ process", child: step::spawn(&mut control)? };
    let mut tune = Command::new(python);
    tune.arg(workspace.root.join("examples/cpp/tune.py")).arg(segment);
    println!("  $ {}", step::shown(&tune));
    let tune = Running { name: "the Python process", child: step::spawn(&mut tune)? };
    both([control, tune], started, Duration::from_secs(seconds.into()) + GRACE)
}

/// Becomes a Python process that leaves the Rust process running and shows its store in the browser, until that ends or Ctrl-C is pressed.
fn serve(workspace: &Workspace, python: &Path, segment: &str, options: &Options) -> Result {
    let mut viewer = Command::new(python);
    viewer.arg(workspace.root.join("examples/viewer.py"));
    viewer.arg(workspace.target.join("tested/examples/telemetry")).arg(segment);
    if let Some(seconds) = options.seconds {
        viewer.args(["--seconds", &seconds.to_string()]);
    }
    println!(
        "a Rust process samples this machine into {segment}, and a Python process shows that in the browser:"
    );
    println!("  $ {}", step::shown(&viewer));
    let error = viewer.exec();
    Err(format!("cannot start `{}`: {error}", step::shown(&viewer)).into())
}

/// A child that does not outlive the demo.
struct Running {
    name: &'static str,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it ended before, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn remove_left_over(segment: &str) -> Result {
    match fs::remove_file(format!("/dev/shm{segment}")) {
        Ok(()) => Err(format!("the segment {segment} was left behind; it is removed now").into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("the segment {segment} was left behind: {error}").into()),
    }
}

#[derive(Debug, PartialEq)]
struct Options {
    seconds: Option<u32>,
    serve: bool,
    cpp: bool,
    plot: Option<PathBuf>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Options { seconds: None, serve: false, cpp: false, plot: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--seconds" => {
                    let seconds = value()?;
                    let number = seconds.parse();
                    let number =
                        number.map_err(|_| format!("--seconds takes a whole number, found {seconds:?}"));
                    options.seconds = Some(number?);
                }
                "--serve" => options.serve = true,
                "--cpp" => options.cpp = true,
                // Relative to where the caller is, which is not where the children run.
                "--plot" => options.plot = Some(path::absolute(value()?)?),
                unknown => {
                    let expected = "expected `--seconds N`, `--serve`, `--cpp` or `--plot FILE`";
                    return Err(format!("{expected}, found {unknown:?}").into());
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> std::result::Result<Options, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        Options::parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn options() {
        assert_eq!(parse(&[]).unwrap(), Options { seconds: None, serve: false, cpp: false, plot: None });
        let options = parse(&["--seconds", "3", "--plot", "/tmp/plot.png"]).unwrap();
        assert_eq!(
            options,
            Options { seconds: Some(3), serve: false, cpp: false, plot: Some("/tmp/plot.png".into()) }
        );
        assert!(parse(&["--serve"]).unwrap().serve && parse(&["--cpp"]).unwrap().cpp);
        assert!(parse(&["--plot", "plot.png"]).unwrap().plot.unwrap().is_absolute());
        assert_eq!(parse(&["--plot"]).unwrap_err(), "--plot needs a value");
        assert!(parse(&["--seconds", "-1"]).unwrap_err().contains("found \"-1\""));
        assert!(parse(&["3"]).unwrap_err().contains("found \"3\""));
    }
}
