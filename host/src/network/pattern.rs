//! One grant: the addresses that it is about.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

const FORMS: &str = "write IP:PORT, IP:*, IP, IP/PREFIX, *:PORT, *, NAME:PORT or NAME:*, with brackets around an IPv6 address \
                     that has a port";

/// Addresses that are granted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// `None`: any.
    networks: Option<Vec<IpNet>>,
    port: Port,
    /// The host name that it was given by.
    pub(super) name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    /// 0: one that the system chooses.
    One(u16),
}

impl Pattern {
    /// Reads a grant; a name in it is looked up now, and grants the addresses that it has now.
    pub(super) fn read(text: &str) -> Result<Pattern, String> {
        if text == "*" {
            return Ok(Pattern { networks: None, port: Port::Any, name: None });
        }
        if let Some(network) = network(text) {
            if let Some((ip, port)) = as_ip_and_port(text) {
                return Err(format!("write [{ip}]:{port} for one port, or [{text}] for that address with every port"));
            }
            return Ok(Pattern { networks: Some(vec![network]), port: Port::Any, name: None });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("it names no port; {FORMS}"))?;
        let port = match port {
            "*" => Port::Any,
            number => Port::One(number.parse().map_err(|_| format!("{number:?} is no port; {FORMS}"))?),
        };
        if host == "*" {
            return Ok(Pattern { networks: None, port, name: None });
        }
        if let Some(network) = network(host) {
            return Ok(Pattern { networks: Some(vec![network]), port, name: None });
        }
        if host.is_empty() || host.contains([':', '/', '[', ']', '*']) {
            return Err(FORMS.to_owned());
        }
        let addresses = (host, 0).to_socket_addrs().map_err(|error| format!("the name can't be looked up: {error}"))?;
        let networks = addresses.map(|address| IpNet::from(address.ip().to_canonical())).collect();
        Ok(Pattern { networks: Some(networks), port, name: Some(host.to_owned()) })
    }

    /// Binding to `local`, whose port may be 0.
    pub(super) fn allows_bind(&self, local: SocketAddr) -> bool {
        self.has_ip(local.ip()) && self.has_port(local.port())
    }

    /// Listening on what is bound already. Who was allowed to have any port has got some other number.
    pub(super) fn allows_listen(&self, local: SocketAddr) -> bool {
        self.has_ip(local.ip()) && (self.has_port(local.port()) || self.port == Port::One(0))
    }

    /// Connecting or sending to `remote`.
    pub(super) fn allows_remote(&self, remote: SocketAddr) -> bool {
        remote.port() != 0 && self.has_ip(remote.ip()) && self.has_port(remote.port())
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&ip)))
    }

    fn has_port(&self, port: u16) -> bool {
        self.port == Port::Any || self.port == Port::One(port)
    }
}

/// `IP` or `IP/PREFIX`, in brackets or not.
fn network(text: &str) -> Option<IpNet> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// An IPv6 address without brackets whose end may be meant as a port.
fn as_ip_and_port(text: &str) -> Option<(&str, u16)> {
    let (ip, port) = text.rsplit_once(':')?;
    ip.parse::<IpAddr>().is_ok().then_some((ip, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_grant_is_for_what_it_names_and_nothing_else() {
        for (grant, inside, outside) in [
            ("127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:81"),
            ("127.0.0.1:80", "127.0.0.1:80", "127.0.0.2:80"),
            ("127.0.0.1", "127.0.0.1:1", "127.0.0.2:1"),
            ("127.0.0.1:*", "127.0.0.1:65535", "[::1]:65535"),
            ("10.0.0.0/8", "10.255.0.1:5", "11.0.0.1:5"),
            ("10.0.0.0/8:80", "10.255.0.1:80", "10.255.0.1:81"),
            ("*:80", "[::1]:80", "[::1]:81"),
            ("[::1]:80", "[::1]:80", "[::2]:80"),
            ("::1", "[::1]:9", "[::]:9"),
            ("fe80::/10", "[fe80::1]:9", "[::1]:9"),
            ("[fe80::/10]:80", "[fe80::1]:80", "[fe80::1]:81"),
            ("localhost:80", "127.0.0.1:80", "127.0.0.2:80"),
        ] {
            let pattern = Pattern::read(grant).expect(grant);
            assert!(pattern.allows_remote(address(inside)), "{grant}: {inside}");
            assert!(pattern.allows_bind(address(inside)), "{grant}: {inside}");
            assert!(!pattern.allows_remote(address(outside)), "{grant}: {outside}");
            assert!(!pattern.allows_bind(address(outside)), "{grant}: {outside}");
        }
        assert!(Pattern::read("*").expect("all").allows_bind(address("0.0.0.0:0")));
    }

    #[test]
    fn any_port_is_granted_by_port_0_and_by_whole_addresses() {
        for (grant, is_granted) in [("127.0.0.1:0", true), ("127.0.0.1", true), ("*:0", true), ("127.0.0.1:80", false)]
        {
            let pattern = Pattern::read(grant).expect(grant);
            assert_eq!(pattern.allows_bind(address("127.0.0.1:0")), is_granted, "{grant}");
            assert_eq!(pattern.allows_listen(address("127.0.0.1:4711")), is_granted, "{grant}");
        }
        let any = Pattern::read("127.0.0.1:0").expect("a grant");
        assert!(!any.allows_bind(address("127.0.0.1:4711")), "a port of the program's choice");
        assert!(!any.allows_remote(address("127.0.0.1:4711")), "somebody else's port");
    }

    #[test]
    fn an_address_that_may_end_in_a_port_needs_brackets() {
        let error = Pattern::read("::1:4700").expect_err("it may mean two things");
        assert!(error.contains("[::1]:4700") && error.contains("[::1:4700]"), "{error}");
        assert!(Pattern::read("[::1:4700]").expect("one address").allows_bind(address("[::1:4700]:80")));
        assert!(Pattern::read("2001:db8::1").expect("one address").allows_bind(address("[2001:db8::1]:80")));
    }

    #[test]
    fn what_is_no_grant_says_how_to_write_one() {
        for text in ["", ":", ":80", "localhost", "1.2.3.4:http", "1.2.3.4:65536", "1.2.3.4/33:80", "::1:x", "a/b:80"] {
            let error = Pattern::read(text).expect_err(text);
            assert!(error.contains("IP:PORT"), "{text}: {error}");
        }
    }
}
