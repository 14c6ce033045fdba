//! How mirrors reach each other: explicit endpoints, certificates on both sides, and no discovery.

use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use zenoh::{Config, Session, Wait};

use crate::error::{Error, Result};
use crate::key::chunk;
use crate::protocol::{ANSWER, LARGEST, VERSION};
use crate::shared::Shared;

/// How many bytes the system takes before they are sent, half of what it keeps.
const SEND_BUFFER: u32 = 32 << 10;
/// How many bytes are sent before something more urgent is.
const BATCH: u16 = 16 << 10;
/// How long to wait before a connection is tried again.
const RETRY: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(20);

/// The endpoints and certificates of a mirror.
///
/// ```
/// use structstore_mirror::Network;
///
/// let network = Network::new().listen("tls/0.0.0.0:7447").certificates("ca.pem", "robot.pem", "robot.key");
/// # let _ = network;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub(crate) listen: Vec<String>,
    pub(crate) connect: Vec<String>,
    pub(crate) certificates: Option<Certificates>,
    pub(crate) allowed: Vec<String>,
    pub(crate) insecure: bool,
    pub(crate) lease: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Network {
    /// A network without endpoints.
    #[must_use]
    pub fn new() -> Network {
        Network::default()
    }

    /// Listens at an endpoint, such as `tls/0.0.0.0:7447`.
    #[must_use]
    pub fn listen(mut self, endpoint: impl Into<String>) -> Network {
        self.listen.push(endpoint.into());
        self
    }

    /// Connects to an endpoint, such as `tls/robot:7447`, where a mirror or a Zenoh router listens, and reconnects whenever the connection
    /// is lost. A mirror that does not listen uses the first of its endpoints that it can reach.
    #[must_use]
    pub fn connect(mut self, endpoint: impl Into<String>) -> Network {
        self.connect.push(endpoint.into());
        self
    }

    /// The certificate of the authority that both sides trust, one's own certificate, and its key: PEM files, as
    /// [`keygen`](crate::keygen) writes them.
    #[must_use]
    pub fn certificates(
        mut self,
        ca: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Network {
        self.certificates =
            Some(Certificates { ca: ca.into(), certificate: certificate.into(), key: key.into() });
        self
    }

    /// Accepts only peers whose certificate has this name. Without any name, every certificate of the authority is accepted.
    #[must_use]
    pub fn allow(mut self, name: impl Into<String>) -> Network {
        self.allowed.push(name.into());
        self
    }

    /// Allows TCP without encryption: anyone on the path can read the traffic, and anyone who
    /// reaches the endpoint can take part.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Network {
        self.insecure = insecure;
        self
    }

    /// After how long without a sign of life a peer is taken for dead; 5 s unless given.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Network {
        self.lease = Some(lease);
        self
    }

    pub(crate) fn lease_time(&self) -> Duration {
        self.lease.unwrap_or(Duration::from_secs(5))
    }

    /// Refuses contradictory and unsafe options.
    pub(crate) fn check(&self) -> Result<()> {
        if self.listen.is_empty() && self.connect.is_empty() {
            return Err(Error::Invalid("give an endpoint to listen on or to connect to".to_owned()));
        }
        for endpoint in self.listen.iter().chain(&self.connect) {
            match endpoint.split_once('/') {
                Some(("tls", _)) if self.certificates.is_some() => {}
                Some(("tls", _)) => {
                    return Err(Error::Invalid(format!(
                        "{endpoint}: TLS takes certificates, which `structstore mirror keygen` makes"
                    )));
                }
                Some(("tcp", _)) if self.insecure => {}
                Some(("tcp", address)) => {
                    let whom = match is_loopback(address) {
                        true => "every user of this machine",
                        false => "anyone who reaches it",
                    };
                    return Err(Error::Invalid(format!(
                        "{endpoint}: TCP is not encrypted and admits {whom}; use tls/, or allow it (insecure)"
                    )));
                }
                _ => {
                    return Err(Error::Invalid(format!(
                        "{endpoint}: expected an endpoint such as tls/0.0.0.0:7447"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether this side only connects. It is a client of whom it reaches then, be it another mirror or a router.
    fn is_client(&self) -> bool {
        self.listen.is_empty()
    }

    /// What is to be known of the network for the mirror of a store.
    ///
    /// # Errors
    ///
    /// For contradictory or unsafe options, for certificates that cannot be read, and for an endpoint that cannot be opened.
    pub(crate) fn prepare(&self, name: &str) -> Result<Prepared> {
        self.check()?;
        if let Some(Certificates { ca, certificate, key }) = &self.certificates {
            for file in [ca, certificate, key] {
                File::open(file).map_err(|source| Error::File { file: file.clone(), source })?;
            }
        }
        let config = self.config(name)?;
        match self.is_client() {
            true => Ok(Prepared::Client(Box::new(config))),
            false => zenoh::open(config).wait().map(Prepared::Open).map_err(Error::network),
        }
    }

    fn config(&self, name: &str) -> Result<Config> {
        let mut config = Config::default();
        let mut set = |key: &str, value: Json| {
            config
                .insert_json5(key, &value.to_string())
                .map_err(|error| Error::network(format!("{key}: {error}")))
        };
        // Routers pass on what clients say, but leave peers to reach each other by themselves.
        set("mode", json!(if self.is_client() { "client" } else { "peer" }))?;
        set("listen/endpoints", json!(self.listen))?;
        set("connect/endpoints", json!(self.connect))?;
        // A peer goes on trying for as long as it takes; of a client, the first attempts are ours.
        set("connect/timeout_ms", json!(if self.is_client() { 0 } else { -1 }))?;
        set("connect/exit_on_failure", json!(false))?;
        set(
            "connect/retry",
            json!({ "period_init_ms": 200, "period_max_ms": 2000, "period_increase_factor": 2 }),
        )?;
        set("scouting/multicast/enabled", json!(false))?;
        set("scouting/gossip/enabled", json!(false))?;
        // There is nobody to wait for but those.
        set("open/return_conditions/connect_scouted", json!(false))?;
        set("transport/link/tx/lease", json!(self.lease_time().as_millis() as u64))?;
        set("transport/link/rx/max_message_size", json!(LARGEST))?;
        // A large state over a slow link takes its time.
        set(
            "transport/link/tx/queue/congestion_control/block/wait_before_close",
            json!(ANSWER.as_micros() as u64),
        )?;
        // What the system has taken is sent in order: on a slow link, numbers would wait behind megabytes of arrays.
        set("transport/link/tcp/so_sndbuf", json!(SEND_BUFFER))?;
        set("transport/link/tx/batch_size", json!(BATCH))?;
        set("transport/link/tx/queue/size/real_time", json!(16))?;
        if let Some(certificates) = &self.certificates {
            let Certificates { ca, certificate, key } = certificates;
            set(
                "transport/link/tls",
                json!({
                    "so_sndbuf": SEND_BUFFER, "root_ca_certificate": ca, "enable_mtls": true, "verify_name_on_connect": true,
                    "listen_certificate": certificate, "listen_private_key": key,
                    "connect_certificate": certificate, "connect_private_key": key,
                }),
            )?;
        }
        if !self.allowed.is_empty() {
            set("access_control", rules(name, &self.allowed))?;
        }
        Ok(config)
    }
}

/// A session, or what one will be opened with when somebody can be reached.
pub(crate) enum Prepared {
    Open(Session),
    Client(Box<Config>),
}

impl Prepared {
    /// A session, as soon as somebody can be reached; `None` if the mirror ends before.
    pub(crate) fn open(self, shared: &Shared) -> Option<Session> {
        let config = match self {
            Prepared::Open(session) => return Some(session),
            Prepared::Client(config) => config,
        };
        let mut said = String::new();
        while !shared.is_over() {
            match zenoh::open((*config).clone()).wait() {
                Ok(session) => return Some(session),
                Err(error) => {
                    let error = format!("cannot connect yet: {error}");
                    if error != said {
                        shared.log(error.clone());
                        said = error;
                    }
                }
            }
            let until = Instant::now() + RETRY;
            while Instant::now() < until && !shared.is_over() {
                thread::sleep(TICK);
            }
        }
        None
    }
}

/// Lets peers with certificates of these names do what mirrors of a store do, and others nothing.
fn rules(name: &str, allowed: &[String]) -> Json {
    let keys = ["@delta", "@bulk", "@state", "@set", "@owner/*"];
    let name = chunk(name.trim_start_matches('/'));
    let own = keys.iter().map(|key| format!("structstore/{VERSION}/{name}/@p/*/{key}"));
    // And what `publish` tells others.
    let keys: Vec<String> = own.chain([format!("{name}/**")]).collect();
    json!({
        "enabled": true, "default_permission": "deny",
        "rules": [{
            "id": "mirror", "permission": "allow", "flows": ["ingress", "egress"], "key_exprs": keys,
            "messages": [
                "put", "delete", "declare_subscriber", "query", "reply", "declare_queryable", "liveliness_token",
                "liveliness_query", "declare_liveliness_subscriber",
            ],
        }],
        "subjects": [{ "id": "peers", "cert_common_names": allowed }],
        "policies": [{ "rules": ["mirror"], "subjects": ["peers"] }],
    })
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_safe_is_refused() {
        let refused = |network: Network| network.check().unwrap_err().to_string();
        assert!(refused(Network::new()).contains("an endpoint"));
        assert!(refused(Network::new().listen("tls/0.0.0.0:1")).contains("keygen"));
        assert!(refused(Network::new().listen("tcp/0.0.0.0:1")).contains("anyone who reaches it"));
        assert!(refused(Network::new().connect("tcp/[::1]:1")).contains("every user of this machine"));
        assert!(
            refused(Network::new().connect("udp/robot:1").insecure(true)).contains("expected an endpoint")
        );
        Network::new().listen("tcp/0.0.0.0:1").insecure(true).check().unwrap();
        Network::new().listen("tls/0.0.0.0:1").certificates("a", "b", "c").check().unwrap();
    }
}
