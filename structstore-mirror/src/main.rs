//! The command `structstore-mirror`, which `structstore mirror` runs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};
use structstore::Error as StoreError;
use structstore::binding_support::{line, parse_duration};
use structstore::path::Path;
use structstore_mirror::{Error, Mirror, Network, Options, keygen};

/// How often the status is printed, and looked at.
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

/// Mirror parts of a store to and from other machines.
///
/// One side owns a part and publishes its changes; others follow it and hold a live copy. Either side may start first.
#[derive(Parser)]
#[command(name = "structstore mirror", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  structstore mirror keygen keys robot desk\n  structstore mirror /robot --listen tls/0.0.0.0:7447 --own arm,camera --ca keys/ca.pem --cert keys/robot.pem --key-file keys/robot.key\n  structstore mirror /robot --connect tls/robot:7447 --follow arm,camera --ca keys/ca.pem --cert keys/desk.pem --key-file keys/desk.key"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Command {
    /// Create a certificate authority, and a certificate for each host
    ///
    /// Use the host names that others connect to. Copy ca.pem and its own two files to each machine. ca.key signs further certificates: keep it safe.
    Keygen {
        /// The folder to write to
        folder: PathBuf,
        /// The names of hosts
        #[arg(required = true)]
        names: Vec<String>,
    },
}

#[derive(Args)]
struct Run {
    /// The name of the store
    name: Option<OsString>,
    /// Listen here, such as tls/0.0.0.0:7447; can be given several times
    #[arg(long, value_name = "ENDPOINT")]
    listen: Vec<String>,
    /// Connect there, such as tls/robot:7447; can be given several times
    #[arg(long, value_name = "ENDPOINT")]
    connect: Vec<String>,
    /// The parts to send: paths of fields, or `.` for the whole store
    #[arg(long, value_name = "PATH,…", value_delimiter = ',', value_parser = part)]
    own: Vec<Path>,
    /// The parts to receive
    #[arg(long, value_name = "PATH,…", value_delimiter = ',', value_parser = part)]
    follow: Vec<Path>,
    /// Leave out these fields, and all below
    #[arg(long, value_name = "PATH,…", value_delimiter = ',', value_parser = part)]
    exclude: Vec<Path>,
    /// The name of the store on the network; the name of the store if it is not given
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Owner: accept changes from followers. Follower: send local changes to the owner instead of reverting them
    #[arg(long)]
    write: bool,
    /// Sample changes at most this many times a second
    #[arg(long, value_name = "HZ", default_value = "200", value_parser = rate)]
    rate: f64,
    /// The certificate of the authority
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key_file"])]
    ca: Option<PathBuf>,
    /// The certificate of this machine
    #[arg(long, value_name = "FILE", requires_all = ["ca", "key_file"])]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires_all = ["ca", "cert"])]
    key_file: Option<PathBuf>,
    /// Accept only certificates of this name; can be given several times
    #[arg(long, value_name = "NAME")]
    allow: Vec<String>,
    /// Allow plain tcp/ endpoints: anyone who can reach one can take part
    #[arg(long)]
    insecure: bool,
    /// Consider a peer dead after this many seconds of silence
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = lease)]
    lease: Duration,
    /// Also publish each field as JSON under its own key (robot/arm/x), without guarantees
    #[arg(long)]
    publish: bool,
    /// Report the status in the struct @mirror of the store
    #[arg(long)]
    show_status: bool,
    /// Print the status once a second, as a line of JSON
    #[arg(long)]
    json: bool,
}

fn part(text: &str) -> Result<Path, String> {
    match text {
        "." => Ok(Path::ROOT),
        text => text.parse().map_err(|error: structstore::Error| error.to_string()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate @ 0.1..=10_000.0) => Ok(rate),
        _ => Err("expected a number from 0.1 to 10000".to_owned()),
    }
}

fn lease(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        lease if (0.1..=3600.0).contains(&lease.as_secs_f64()) => Ok(lease),
        _ => Err("expected a number of seconds from 0.1 to 3600".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Command::Keygen { folder, names }) => keygen(&folder, &names),
        None => run(arguments.run),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("structstore mirror: {}", line(&error.to_string()));
            ExitCode::from(if matches!(error, Error::Invalid(_)) { 2 } else { 4 })
        }
    }
}

fn run(run: Run) -> Result<(), Error> {
    let name = run.name.ok_or_else(|| Error::Invalid("the name of a store is needed".to_owned()))?;
    let mut network = Network::new().insecure(run.insecure).lease(run.lease);
    network = run.listen.into_iter().fold(network, Network::listen);
    network = run.connect.into_iter().fold(network, Network::connect);
    network = run.allow.into_iter().fold(network, Network::allow);
    if let (Some(ca), Some(cert), Some(key)) = (run.ca, run.cert, run.key_file) {
        network = network.certificates(ca, cert, key);
    }
    let mut options =
        Options::new().rate(run.rate).write(run.write).publish(run.publish).show_status(run.show_status);
    options = run.own.into_iter().fold(options, Options::own);
    options = run.follow.into_iter().fold(options, Options::follow);
    options = run.exclude.into_iter().fold(options, Options::exclude);
    if let Some(key) = run.key {
        options = options.key(key);
    }
    let ended = ended()?;
    let mirror = Mirror::start(name, &network, options)?;
    let (mut told, mut connected) = (Instant::now(), false);
    while mirror.is_running() && !ended.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        mirror.remarks().iter().for_each(|remark| eprintln!("{}", line(remark)));
        let status = mirror.status();
        if run.json && told.elapsed() >= SECOND {
            told = Instant::now();
            println!("{}", status.to_json());
        } else if !run.json && status.connected() != connected {
            connected = status.connected();
            eprintln!("{}", if connected { "connected" } else { "not connected" });
        }
    }
    mirror.stop()
}

/// Whether a signal has come that ends this process.
fn ended() -> Result<Arc<AtomicBool>, Error> {
    let signals: SigSet = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    // In all threads that follow.
    let blocked = signals.thread_block();
    blocked.map_err(|errno| StoreError::os("catch", "signals", errno.into()))?;
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let wait = move || {
        let _ = signals.wait();
        seen.store(true, Ordering::SeqCst);
    };
    let thread = thread::Builder::new().spawn(wait);
    thread.map_err(|error| StoreError::os("start", "a thread", error))?;
    Ok(ended)
}
