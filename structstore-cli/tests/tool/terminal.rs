//! The command on a pseudo-terminal, compared with pipes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use structstore::binding_support::is_unprintable;
use structstore::{ArrayValue, StructStoreShared, Value};
use structstore_tests::SegmentName;

use crate::command::{LIMIT, command, eventually, finish, structstore, structstore_reading};

/// A command whose standard streams are a terminal.
struct Session {
    child: Child,
    terminal: File,
    output: Option<thread::JoinHandle<String>>,
}

impl Session {
    fn start(mut command: Command) -> Session {
        let pair = openpty(None, None).unwrap();
        let stream = || Stdio::from(pair.slave.try_clone().unwrap());
        command.stdin(stream()).stdout(stream()).stderr(stream()).env("TERM", "xterm");
        // SAFETY: what runs in the child between fork and exec are two system calls. They make the terminal its own, so
        // that keys reach it.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    -1 => Err(std::io::Error::last_os_error()),
                    _ => Ok(()),
                }
            });
        }
        let child = command.spawn().unwrap();
        // The command has copies of the terminal, too.
        drop(command);
        drop(pair.slave);
        let terminal = File::from(pair.master);
        let mut source = terminal.try_clone().unwrap();
        let output = thread::spawn(move || {
            let mut bytes = Vec::new();
            // Fails when the other end is closed everywhere.
            let _ = source.read_to_end(&mut bytes);
            String::from_utf8(bytes).unwrap()
        });
        Session { child, terminal, output: Some(output) }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    fn finish(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.output.take().unwrap().join().unwrap());
            }
            assert!(start.elapsed() < LIMIT, "the command is stuck");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_terminal(arguments: &[&str]) -> String {
    Session::start(command(arguments)).finish().1
}

fn store(name: &SegmentName) -> StructStoreShared {
    let store = StructStoreShared::open(name).unwrap();
    store.set("label", "\u{1b}[2J\u{9b}2J\u{202e}\u{7}\n\ttwo").unwrap();
    store.ensure_struct("\u{1b}]0;title\u{7}").unwrap().set("bytes\u{1b}", 5).unwrap();
    store.set("raw", Value::Bytes(b"\x1b[2J".into())).unwrap();
    store
}

/// The text that a terminal shows, without colours. Panics if the output has other control characters.
fn shown(output: &str) -> String {
    let mut plain = String::new();
    let mut rest = output;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        let (style, after) = after.split_once('m').unwrap();
        assert!(style.chars().all(|c| c.is_ascii_digit() || c == ';'), "{after:?}");
        plain.push_str(before);
        rest = after;
    }
    plain.push_str(rest);
    assert!(!plain.contains(|c| is_unprintable(c) && !matches!(c, '\r' | '\n' | '\t')), "{plain:?}");
    plain.replace("\r\n", "\n")
}

#[test]
fn colours_are_for_terminals() {
    let name = SegmentName::new("colours");
    let _store = store(&name);
    let coloured = |text: &str| text.contains("\u{1b}[");
    for arguments in [&["show", &*name][..], &["ls"], &["stat", &name]] {
        assert!(coloured(&on_terminal(arguments)), "{arguments:?}");
        assert!(!coloured(&structstore(arguments).text()), "{arguments:?}");
        let never = [arguments, &["--color", "never"]].concat();
        assert!(!coloured(&on_terminal(&never)), "{never:?}");
        let always = [arguments, &["--color", "always"]].concat();
        assert!(coloured(&structstore(&always).text()), "{always:?}");
    }
    let mut command = command(&["show", &name]);
    command.env("NO_COLOR", "1");
    assert!(!coloured(&Session::start(command).finish().1));
    assert!(coloured(&on_terminal(&["get", &name, "nothing"])), "errors too");
}

#[test]
fn nothing_in_a_store_controls_the_terminal() {
    let name = SegmentName::new("escapes");
    let _store = store(&name);
    let field = r#""\u001b]0;title\u0007"."bytes\u001b""#;
    for arguments in [
        &["show", &*name][..],
        &["show", &name, "--json"],
        &["show", &name, "--yaml"],
        &["get", &name, "label"],
        &["get", &name, "label", "--json"],
        &["get", &name, "raw"],
        &["get", &name, field],
        &["get", &name, r#""\u001b]0;title\u0007".bytes"#],
        &["get", &name, "\u{1b}2J"],
        &["get", "\u{1b}[2J", "x"],
        &["set", &name, field, "\u{1b}[2J"],
        &["set", &name, "new", "\u{1b}[2J"],
        &["stat", &name],
        &["dump", &name, "-", "--format", "json"],
        &["dump", &name, "-", "--format", "yaml"],
        &["ls"],
        &["ls", "--json"],
    ] {
        assert!(!shown(&on_terminal(arguments)).is_empty(), "{arguments:?}");
    }
    let text = shown(&on_terminal(&["get", &name, "label"]));
    assert_eq!(text, "\\u{1b}[2J\\u{9b}2J\\u{202e}\\u{7}\n\ttwo\n");
    assert_eq!(shown(&on_terminal(&["get", &name, "raw"])), "1b5b324a\n");
}

#[test]
fn a_snapshot_is_not_written_to_a_terminal() {
    let name = SegmentName::new("snapshot");
    let _store = store(&name);
    let (status, output) = Session::start(command(&["dump", &name, "-"])).finish();
    assert!(
        status.code() == Some(2) && shown(&output).contains("cannot be written to a terminal"),
        "{output}"
    );
}

#[test]
fn an_array_is_not_written_to_a_terminal() {
    let name = SegmentName::new("array");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("frame", ArrayValue::from_slice(&[1, 2], &[1_u8, 27]).unwrap()).unwrap();
    for option in ["--npy", "--png"] {
        let (status, output) = Session::start(command(&["get", &name, "frame", option, "-"])).finish();
        let said = shown(&output).contains("cannot be written to a terminal");
        assert!(status.code() == Some(2) && said, "{option}: {output}");
    }
}

#[test]
fn slow_load_shows_progress() {
    let (name, folder) = (SegmentName::new("progress"), tempfile::tempdir().unwrap());
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let text = format!("{{\"text\": \"{}\"}}", "x".repeat(3 << 20));
    for slow in [false, true] {
        let session = Session::start(command(&["load", pipe.to_str().unwrap(), &name, "--format", "json"]));
        let mut target = File::options().write(true).open(&pipe).unwrap();
        for piece in text.as_bytes().chunks(1 << 20) {
            if slow {
                thread::sleep(Duration::from_millis(300));
            }
            target.write_all(piece).unwrap();
        }
        drop(target);
        let (status, output) = session.finish();
        assert_eq!((status.code(), output.contains("reading 2 MiB")), (Some(0), slow), "{output:?}");
        assert!(output.is_empty() || output.ends_with("\r\u{1b}[K"), "nothing of it is left: {output:?}");
    }
}

#[test]
fn clean_asks_for_confirmation() {
    let name = SegmentName::new("asks");
    let mut run = command(&["run", &name, "--", "sh", "-c", "echo started; exec cat"]);
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Until it executes another program, the command is a copy of `run`, which has the store.
    let mut started = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut started).unwrap();
    // The command of the killed `run` ends with its input.
    child.kill().unwrap();
    child.wait().unwrap();
    for (answer, left) in [("\n", true), ("n\n", true), ("y\n", false)] {
        let mut session = Session::start(command(&["clean", &name]));
        session.press(answer);
        let (status, output) = session.finish();
        let output = shown(&output);
        assert!(output.contains("remove it? [y/N]"), "{output}");
        assert_eq!((status.code(), name.path().exists()), (Some(0), left), "{output}");
        assert_eq!(output.contains("removed /"), !left);
    }
}

#[test]
fn keys_reach_the_command_that_runs_once() {
    let name = SegmentName::new("keys");
    let script = "trap 'echo interrupted' INT; echo ready; read line; read line; exit 9";
    let mut session = Session::start(command(&["run", &name, "--", "bash", "-c", script]));
    eventually("the store is there", || name.path().exists());
    thread::sleep(Duration::from_millis(300));
    session.press("\u{3}");
    thread::sleep(Duration::from_millis(100));
    session.press("\n\n");
    let (status, output) = session.finish();
    assert_eq!((status.code(), output.matches("interrupted").count()), (Some(9), 1), "{output:?}");
    assert!(!name.path().exists());
}

#[test]
fn an_interrupt_ends_a_command_that_waits() {
    let name = SegmentName::new("interrupt");
    let store = store(&name);
    let guard = store.write().unwrap();
    let mut session = Session::start(command(&["show", &name]));
    thread::sleep(Duration::from_millis(200));
    session.press("\u{3}");
    assert_eq!(session.finish().0.signal(), Some(libc::SIGINT));

    // If the signal is ignored, as in a shell's background jobs, it stays ignored.
    let mut command = command(&["show", &name]);
    // SAFETY: one system call, between fork and exec.
    unsafe { command.pre_exec(|| signal(Signal::SIGINT, SigHandler::SigIgn).map(drop).map_err(Into::into)) };
    let child = command.spawn().unwrap();
    thread::sleep(Duration::from_millis(200));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    thread::sleep(Duration::from_millis(50));
    drop(guard);
    assert!(finish(child).text().contains("label"));
}

#[test]
fn yaml_that_a_terminal_shows_can_be_read_again() {
    let (name, copy) = (SegmentName::new("shown"), SegmentName::new("read"));
    let store = store(&name);
    store.set("می\u{200c}خواهم", "\u{1F468}\u{200d}\u{1F469}").unwrap();
    store.set("say \"\\uFFFF\u{ffff}\"", "\u{ffff}\u{200b}").unwrap();
    for arguments in [&["dump", &*name, "-", "--format", "yaml"][..], &["show", &name, "--yaml"]] {
        let text = shown(&on_terminal(arguments));
        assert!(text.contains(r#""می\u200Cخواهم": ""#), "{text}");
        structstore_reading(&["load", "-", &copy, "--format", "yaml"], text.as_bytes()).text();
        let loaded = StructStoreShared::open(&copy).unwrap();
        // YAML shows bytes as a string of digits.
        loaded.delete("raw").unwrap();
        let mut value = store.to_value().unwrap();
        if let Value::Struct(fields) = &mut value {
            fields.retain(|(name, _)| name != "raw");
        }
        assert_eq!(loaded.to_value().unwrap(), value, "{text}");
        loaded.close().unwrap();
    }
}

#[test]
fn load_from_a_terminal_ends_at_one_end_of_input() {
    let name = SegmentName::new("typed");
    for (typed, expected) in [("{\"x\": 5}\n\u{4}", r#"{"x": 5}"#), ("{\"x\":\n6}\u{4}\u{4}", r#"{"x": 6}"#)]
    {
        let mut session = Session::start(command(&["load", "-", &name, "--format", "json"]));
        session.press(typed);
        let (status, output) = session.finish();
        assert_eq!(status.code(), Some(0), "{output}");
        assert_eq!(StructStoreShared::open(&name).unwrap().to_string(), expected);
    }
}

#[test]
fn terminal_shows_nan_by_name() {
    let name = SegmentName::new("named");
    let store = store(&name);
    store.set("list", Value::list([1.5, f64::NAN])).unwrap();
    assert_eq!(shown(&on_terminal(&["get", &name, "list"])), "[\n  1.5,\n  NaN\n]\n");
    assert!(shown(&on_terminal(&["get", &name, "list", "--json"])).contains("list[1]: JSON has no NaN"));
}
