//! Running commands, and timing the steps that are made of them.

use std::borrow::Cow;
use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// An error here is only ever shown to a person.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Runs steps one after the other and remembers how long each took.
pub(crate) struct Steps {
    started: Instant,
    passed: Vec<String>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Steps { started: Instant::now(), passed: Vec::new() }
    }

    /// Announces and runs one step.
    ///
    /// # Errors
    ///
    /// What the step fails with, headed by its name.
    pub(crate) fn run(&mut self, name: &str, title: &str, work: impl FnOnce() -> Result) -> Result {
        eprintln!("== {name}: {title}");
        let started = Instant::now();
        let outcome = work();
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                self.passed.push(format!("{name} {seconds:.1} s"));
                Ok(())
            }
            Err(error) => Err(format!("{name} failed after {seconds:.1} s: {error}").into()),
        }
    }

    /// The steps that passed and their durations, on one line.
    pub(crate) fn summary(&self) -> String {
        match self.passed.as_slice() {
            [] => "nothing passed".to_owned(),
            passed => {
                format!("passed: {} (total {:.1} s)", passed.join(", "), self.started.elapsed().as_secs_f64())
            }
        }
    }
}

/// Runs a command to its end, with no input.
///
/// # Errors
///
/// If it cannot be started, or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = spawn(command)?.wait()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`{}` ended with {status}", shown(command)).into()),
    }
}

/// Starts a command, with no input.
///
/// # Errors
///
/// If it cannot be started.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let started = command.stdin(Stdio::null()).spawn();
    started.map_err(|error| format!("cannot start `{}`: {error}", shown(command)).into())
}

/// A command as one would type it, quoting apart.
pub(crate) fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<Cow<'_, str>>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_command_is_an_error_that_names_it() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert_eq!(error, "`sh -c exit 3` ended with exit status: 3");
        let error = run(&mut Command::new("/nonexistent/program")).unwrap_err().to_string();
        assert!(error.starts_with("cannot start `/nonexistent/program`: "), "{error}");
    }

    #[test]
    fn summary_names_only_what_passed() {
        let mut steps = Steps::new();
        steps.run("first", "passes", || Ok(())).unwrap();
        let error = steps.run("second", "fails", || Err("reason".into())).unwrap_err().to_string();
        assert!(error.starts_with("second failed after ") && error.ends_with(": reason"), "{error}");
        assert!(steps.summary().starts_with("passed: first "), "{}", steps.summary());
        assert!(!steps.summary().contains("second"));
    }
}
