//! Addresses as `wasi:sockets` has them, and looking up names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, Network,
};

use super::errors;
use crate::Address;
use crate::error::unsupported;

thread_local! {
    /// The network that this program is in.
    static NETWORK: Network = instance_network();
}

/// Calls with the network, which the program has for ever.
pub fn with_network<T>(call: impl FnOnce(&Network) -> T) -> T {
    NETWORK.with(call)
}

/// The internet address of `address`.
pub fn inet(address: &Address) -> io::Result<SocketAddr> {
    address.inet().ok_or_else(|| unsupported("a Unix socket", super::NAME, super::USE_THE_INTERNET))
}

pub fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) })
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: address.scope_id(),
            })
        }
    }
}

pub fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => (ipv4(address), port).into(),
        IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info, address, scope_id }) => {
            SocketAddrV6::new(ipv6(address), port, flow_info, scope_id).into()
        }
    }
}

fn ipv4((a, b, c, d): (u8, u8, u8, u8)) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

fn ipv6((a, b, c, d, e, f, g, h): (u16, u16, u16, u16, u16, u16, u16, u16)) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

/// Any address of this machine, and any port.
pub fn unspecified(family: IpAddressFamily) -> SocketAddr {
    match family {
        IpAddressFamily::Ipv4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddressFamily::Ipv6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The local address of a socket, by what the host says. Before it has one it is that of any socket.
pub fn local(answer: Result<IpSocketAddress, ErrorCode>, family: IpAddressFamily) -> io::Result<SocketAddr> {
    match answer {
        Err(ErrorCode::InvalidState) => Ok(unspecified(family)),
        answer => answer.map(from_wasi).map_err(errors::to_error),
    }
}

/// The address of a socket's peer, by what the host says.
pub fn peer(answer: Result<IpSocketAddress, ErrorCode>) -> io::Result<SocketAddr> {
    match answer {
        Err(ErrorCode::InvalidState) => Err(errors::not_connected()),
        answer => answer.map(from_wasi).map_err(errors::to_error),
    }
}

/// Where to connect to: natively the unspecified address is this machine, which WASI doesn't take for one.
pub fn destination(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// All addresses of a name. Waits while the host's resolver works.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let lookup = |code| errors::of_lookup(host, code);
    let answers = with_network(|network| resolve_addresses(network, host)).map_err(lookup)?;
    let mut found = Vec::new();
    loop {
        match answers.resolve_next_address() {
            Ok(Some(IpAddress::Ipv4(address))) => found.push((ipv4(address), port).into()),
            Ok(Some(IpAddress::Ipv6(address))) => found.push((ipv6(address), port).into()),
            Ok(None) if found.is_empty() => return Err(lookup(ErrorCode::NameUnresolvable)),
            Ok(None) => return Ok(found),
            Err(ErrorCode::WouldBlock) => answers.subscribe().block(),
            Err(code) => return Err(lookup(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for text in ["127.0.0.1:7000", "[2001:db8::1:2]:65535", "[fe80::1%7]:1"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(from_wasi(to_wasi(address)), address);
        }
    }

    #[test]
    fn an_address_is_its_own_name() {
        assert_eq!(resolve("::1", 7).expect("no lookup"), ["[::1]:7".parse().expect("an address")]);
    }
}
