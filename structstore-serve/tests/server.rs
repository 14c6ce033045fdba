//! The server as other programs on the machine meet it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use structstore::{Struct, StructStore, StructStoreShared};
use structstore_serve::{Failure, Options, Server, Source};
use structstore_tests::SegmentName;

fn start(options: &Options) -> (StructStore, Server) {
    let store = StructStore::new();
    store.set("n", 5).unwrap();
    let source = Source::Store { part: Struct::clone(&store), name: "local".to_owned() };
    (store, Server::start(Some(source), options).unwrap())
}

/// The address and the token of a server.
fn parts(server: &Server) -> (SocketAddr, String) {
    let rest = server.url().strip_prefix("http://").unwrap();
    let (address, token) = rest.split_once("/?token=").unwrap();
    (address.parse().unwrap(), token.to_owned())
}

/// Asks for something with these lines of a header; the answer's first line and all that follows it.
fn ask(address: SocketAddr, path: &str, lines: &[String]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // To the end; who asks for a WebSocket is answered by a header.
    let wants_socket = path == "/socket";
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
        if wants_socket && answer.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (first, rest) = answer.split_once("\r\n").unwrap_or_default();
    (first.to_owned(), rest.to_owned())
}

fn status(answer: &(String, String)) -> &str {
    answer.0.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn only_the_token_and_this_host_let_one_in() {
    let (_store, server) = start(&Options::new());
    let (address, token) = parts(&server);
    let host = format!("Host: {address}");
    let close = "Connection: close".to_owned();
    let get = |path: &str, lines: &[&str]| {
        let lines: Vec<String> =
            [close.clone()].into_iter().chain(lines.iter().map(|&line| line.to_owned())).collect();
        ask(address, path, &lines)
    };
    let with = format!("/about?token={token}");
    let answer = get(&with, &[&host]);
    assert_eq!(status(&answer), "200");
    assert!(answer.1.ends_with(r#"{"store":"local"}"#), "{}", answer.1);
    let cookie = answer.1.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(answer.1.contains(header), "{header}");
    }
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(status(&get("/about", &[&host, &cookie])), "200");
    for (path, lines) in [
        ("/", vec![&*host]),
        ("/about", vec![&host]),
        ("/about?token=0", vec![&host]),
        (&with, vec!["Host: evil.example"]),
        (&with, vec![&host, "Origin: http://evil.example"]),
        ("/socket", vec![&host, &cookie]),
    ] {
        let answer = get(path, &lines);
        assert_eq!(status(&answer), "403", "{path} {lines:?}");
        assert!(
            !answer.1.contains("set-cookie") && answer.1.contains("content-security-policy"),
            "{}",
            answer.1
        );
    }
    assert_eq!(status(&get("/nothing.js", &[&host, &cookie])), "404");
    assert_eq!(status(&get("/../Cargo.toml", &[&host, &cookie])), "404");
    let upgrade = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let socket = |origin: &str| {
        let lines =
            [&*host, &cookie, origin].into_iter().chain(upgrade).map(str::to_owned).collect::<Vec<_>>();
        ask(address, "/socket", &lines)
    };
    assert_eq!(status(&socket(&format!("Origin: http://{address}"))), "101");
    assert_eq!(status(&socket("Origin: http://evil.example")), "403");
    assert_eq!(status(&socket("Origin: null")), "403");
}

#[test]
fn it_ends_at_once() {
    let (_store, server) = start(&Options::new());
    let (address, _) = parts(&server);
    let idle: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    server.stop();
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
}

#[test]
fn it_does_not_listen_beyond_this_machine_by_mistake() {
    let options = Options::new().listen("0.0.0.0:0".parse().unwrap());
    let failure = Server::start(None, &options).unwrap_err();
    assert!(matches!(failure, Failure::Insecure(_)));
    assert!(failure.to_string().contains("ssh -L"), "{failure}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options::new().listen(taken.local_addr().unwrap());
    let failure = Server::start(None, &options).unwrap_err().to_string();
    assert!(failure.starts_with(&format!("cannot listen on {}: ", taken.local_addr().unwrap())), "{failure}");
}

#[test]
fn all_stores_are_listed_and_served() {
    let name = SegmentName::new("served");
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("n", 5).unwrap();
    let server = Server::start(None, &Options::new()).unwrap();
    let (address, token) = parts(&server);
    let lines = [format!("Host: {address}"), "Connection: close".to_owned()];
    let answer = ask(address, &format!("/about?token={token}"), &lines);
    assert!(answer.1.ends_with(r#"{"store":null}"#), "{}", answer.1);
    let start = Instant::now();
    loop {
        let stores = ask(address, &format!("/stores?token={token}"), &lines).1;
        let body = stores.split_once("\r\n\r\n").unwrap().1.to_owned();
        if body.contains(&format!(r#""name":"{}""#, &*name)) && body.contains(r#""fields":1"#) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{body}");
    }
}

/// Empty lines before a request are no request: who sends nothing else is cut off.
#[test]
fn connections_without_a_request_keep_nobody_out() {
    let (_store, server) = start(&Options::new());
    let (address, token) = parts(&server);
    let mut silent: Vec<TcpStream> = (0..210).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut silent {
        let _ = stream.write_all(b"\r\n\r\n");
    }
    let lines = [format!("Host: {address}"), "Connection: close".to_owned()];
    let start = Instant::now();
    loop {
        let answer = ask(address, &format!("/?token={token}"), &lines);
        if status(&answer) == "303" || status(&answer) == "200" {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{answer:?}");
    }
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let cut_off = stream.read(&mut [0; 10]);
        assert!(
            !matches!(&cut_off, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "{cut_off:?}"
        );
    }
}
