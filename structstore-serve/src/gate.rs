//! Who gets in: whoever has the token, from a page of this server.

use std::net::IpAddr;

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::token::Token;

pub(crate) struct Gate {
    pub(crate) token: Token,
    pub(crate) port: u16,
    /// Whether it listens beyond this machine.
    pub(crate) open: bool,
}

/// How a request has shown that it may come in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Entry {
    /// By the token in the address, which is to become a cookie.
    Token,
    Cookie,
}

impl Gate {
    /// Whether a request may come in, or why not.
    pub(crate) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<Entry, &'static str> {
        // Of two, another program may take the other one.
        if [HOST, ORIGIN].iter().any(|name| headers.get_all(name).iter().count() > 1) {
            return Err("the request has two Host or Origin headers");
        }
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = header(HOST).unwrap_or_default();
        if !self.knows(host) {
            return Err(
                "the Host header does not name this server; use the address that `structstore serve` printed",
            );
        }
        // A page of somebody else cannot read what it gets, but a WebSocket would be open to it.
        if let Some(origin) = header(ORIGIN)
            && origin != format!("http://{host}")
        {
            return Err("the request comes from a page of another server");
        }
        if uri.path() == "/socket" && header(ORIGIN).is_none() {
            return Err("the request has no Origin header");
        }
        let query = uri.query().unwrap_or_default().split('&');
        if query.filter_map(|part| part.strip_prefix("token=")).any(|token| self.token.is(token)) {
            return Ok(Entry::Token);
        }
        let name = format!("{}=", self.cookie_name());
        let mut cookies = header(COOKIE).unwrap_or_default().split(';');
        match cookies
            .any(|cookie| cookie.trim().strip_prefix(&*name).is_some_and(|token| self.token.is(token)))
        {
            true => Ok(Entry::Cookie),
            false => Err("open the address with the token that `structstore serve` printed"),
        }
    }

    /// Servers on one machine have cookies of their own.
    fn cookie_name(&self) -> String {
        format!("structstore_{}", self.port)
    }

    pub(crate) fn cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.token.text())
    }

    /// Whether a host is this server. A name that somebody else can have lead to this machine is none: pages of that name could read all
    /// that is served. The port may be that of a tunnel.
    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        match name.parse::<IpAddr>() {
            Ok(address) => self.open || address.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_pages_of_this_server_with_the_token_come_in() {
        let gate = Gate { token: Token::new().unwrap(), port: 80, open: false };
        let token = gate.token.text();
        let admit = |gate: &Gate, path: &str, lines: &[(axum::http::HeaderName, &str)]| {
            let lines =
                lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
            gate.admit(&path.parse().unwrap(), &lines.collect()).ok()
        };
        let (with, cookie) = (format!("/?a=b&token={token}"), format!("x=y; structstore_80={token}"));
        let host = (HOST, "127.0.0.1:80");
        assert_eq!(admit(&gate, &with, std::slice::from_ref(&host)), Some(Entry::Token));
        assert_eq!(admit(&gate, "/", &[host.clone(), (COOKIE, &cookie)]), Some(Entry::Cookie));
        let origin = (ORIGIN, "http://127.0.0.1:80");
        assert_eq!(
            admit(&gate, "/socket", &[host.clone(), (COOKIE, &cookie), origin.clone()]),
            Some(Entry::Cookie)
        );
        for name in ["localhost", "localhost:8080", "[::1]:80", "127.0.0.2"] {
            assert!(admit(&gate, &with, &[(HOST, name)]).is_some(), "{name}");
        }
        // No token, or another one.
        assert_eq!(admit(&gate, "/", std::slice::from_ref(&host)), None);
        assert_eq!(admit(&gate, "/?token=0123", std::slice::from_ref(&host)), None);
        assert_eq!(admit(&gate, "/", &[host.clone(), (COOKIE, &cookie.replace("_80", "_81"))]), None);
        // Another host, or none.
        for name in ["evil.example:80", "127.0.0.1.evil.example", "192.168.0.1", "localhost.evil.example", ""]
        {
            assert_eq!(admit(&gate, &with, &[(HOST, name)]), None, "{name}");
        }
        assert_eq!(admit(&gate, &with, &[]), None);
        // Another page, or none that says which.
        let foreign = (ORIGIN, "http://evil.example");
        assert_eq!(admit(&gate, &with, &[host.clone(), foreign]), None);
        assert_eq!(admit(&gate, "/socket", &[host.clone(), (COOKIE, &cookie)]), None);
        assert_eq!(admit(&gate, "/socket", &[host, (COOKIE, &cookie), (ORIGIN, "null")]), None);
        let open = Gate { token: Token::new().unwrap(), port: 80, open: true };
        let with = format!("/?token={}", open.token.text());
        assert!(admit(&open, &with, &[(HOST, "192.168.0.1:80")]).is_some());
        assert!(admit(&open, &with, &[(HOST, "evil.example")]).is_none());
    }
}
