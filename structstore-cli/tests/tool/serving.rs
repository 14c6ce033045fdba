//! `serve`: what is said at the start, and how it ends. What pages get is tested in `structstore-serve` and in `tests/browser`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use structstore::StructStoreShared;
use structstore_tests::SegmentName;

use crate::command::{command, structstore};

/// Starts a server. Returns its address, which it says first.
fn serve(arguments: &[&str]) -> (Child, String) {
    let mut child = command(&[&["serve", "--no-open"], arguments].concat()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    (child, url.trim_end().to_owned())
}

/// What a server says of itself.
fn about(url: &str) -> String {
    let (host, query) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /about{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit_once("\r\n").unwrap().1.to_owned()
}

#[test]
fn it_serves_until_it_is_interrupted() {
    let name = SegmentName::new("serve");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("n", 1).unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let (mut child, url) = serve(&[&name, "--write", "n"]);
        assert!(url.starts_with("http://127.0.0.1:") && url.contains("/?token="), "{url}");
        assert_eq!(about(&url), format!(r#"{{"store":"{}"}}"#, &*name));
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert!(child.wait().unwrap().success(), "{signal}");
    }
    assert_eq!(store.statistics().watchers, 0);
}

#[test]
fn without_a_name_all_stores_are_served() {
    let (mut child, url) = serve(&[]);
    assert_eq!(about(&url), r#"{"store":null}"#);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_cannot_be_served_is_said() {
    let name = SegmentName::new("serve");
    let missing = structstore(&["serve", "--no-open", &name]).complaint(3);
    assert!(missing.contains("no such store"), "{missing}");
    let _store = StructStoreShared::open(&name).unwrap();
    let beyond = structstore(&["serve", "--no-open", &name, "--listen", "0.0.0.0:0"]).complaint(4);
    assert!(beyond.contains("ssh -L"), "{beyond}");
    for arguments in [
        &["--rate", "0"][..],
        &["--rate", "1000"],
        &["--write", "a..b"],
        &["--listen", "here"],
        &["--write", "a", "--write-all"],
    ] {
        structstore(&[&["serve", "--no-open", &*name], arguments].concat()).complaint(2);
    }
}
