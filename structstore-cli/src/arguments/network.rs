//! Commands for browsers and other machines: `serve` and `mirror`.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::SocketAddr;

use clap::Args;
#[cfg(feature = "serve")]
use structstore::path::Path;

#[cfg(feature = "serve")]
use super::parse::{address, rate};

/// Show a live store in the browser: a tree, plots, pictures, and sliders for the fields that pages may change.
///
/// It prints the address of the page and serves it until it is interrupted. The address has a token that grants access. Keep it like a
/// password. Pages can change only what --write names. Without NAME, all stores of this machine are served.
///
/// It attaches as an observer while a page is open. What is shown costs a writer what one watch costs, however many pages there are.
#[cfg(feature = "serve")]
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore serve robot\n  structstore serve robot --write drive.gains --write mode\n  structstore serve run.mcap\n  ssh -L 8080:127.0.0.1:8080 robot structstore serve robot --listen 127.0.0.1:8080 --no-open"
)]
pub(crate) struct Serve {
    /// The name of the store, or a recording (*.mcap); without one, all stores of this machine
    pub(crate) name: Option<OsString>,
    /// NAME is the path of a file that holds the store
    #[arg(long, requires = "name")]
    pub(crate) file: bool,
    /// Open stores even if another user owns them. The owner can crash this program by truncating a store
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Let pages change PATH and everything below it; can be given several times
    #[arg(long = "write", value_name = "PATH")]
    pub(crate) writable: Vec<Path>,
    /// Let pages change everything
    #[arg(long, conflicts_with = "writable")]
    pub(crate) write_all: bool,
    /// Send changes to pages at most this many times a second
    #[arg(long, value_name = "HZ", value_parser = rate, default_value = "30")]
    pub(crate) rate: f64,
    /// Listen on this address and port; the default is a free port of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Allow --listen on addresses that other machines reach; the token crosses the network unencrypted
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// Mirror parts of a store to and from other machines.
///
/// One side owns a part and publishes its changes; others follow it and hold a live copy. This command runs the program structstore-mirror, which is
/// installed separately; `structstore mirror --help` shows its options.
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:\n  structstore mirror keygen keys robot desk\n  structstore mirror /robot --listen tls/0.0.0.0:7447 --own arm,camera --ca keys/ca.pem --cert keys/robot.pem --key-file keys/robot.key\n  structstore mirror /robot --connect tls/robot:7447 --follow arm,camera --ca keys/ca.pem --cert keys/desk.pem --key-file keys/desk.key"
)]
pub(crate) struct Mirror {
    /// The arguments of that program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}
