//! Socket options, of the socket level, of TCP and of IP.

use std::io;

use socket2::SockRef;

use super::system::names;
use super::{Descriptor, IntegerOption, SocketOption, syscalls};
use crate::error::unsupported;

pub fn get(socket: &Descriptor, option: SocketOption) -> io::Result<bool> {
    let fd = socket.owned_fd()?;
    let socket_ref = SockRef::from(fd);
    match option {
        SocketOption::AcceptConnections => syscalls::socket_flag(fd, names::SO_ACCEPTCONN),
        SocketOption::Broadcast => socket_ref.broadcast(),
        SocketOption::Debug => syscalls::socket_flag(fd, names::SO_DEBUG),
        SocketOption::DontRoute => syscalls::socket_flag(fd, names::SO_DONTROUTE),
        SocketOption::KeepAlive => socket_ref.keepalive(),
        SocketOption::OutOfBandInline => socket_ref.out_of_band_inline(),
        SocketOption::ReuseAddress if reuses_anyway(&socket_ref) => Ok(true),
        SocketOption::ReuseAddress => socket_ref.reuse_address(),
        SocketOption::NoDelay => socket_ref.tcp_nodelay(),
    }
}

pub fn set(socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
    let fd = socket.owned_fd()?;
    let socket_ref = SockRef::from(fd);
    match option {
        SocketOption::AcceptConnections => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "set_option: a socket accepts by listening: call listen"))
        }
        SocketOption::Broadcast => socket_ref.set_broadcast(on),
        SocketOption::Debug => syscalls::set_socket_flag(fd, names::SO_DEBUG, on),
        SocketOption::DontRoute => syscalls::set_socket_flag(fd, names::SO_DONTROUTE, on),
        SocketOption::KeepAlive => socket_ref.set_keepalive(on),
        SocketOption::OutOfBandInline => socket_ref.set_out_of_band_inline(on),
        SocketOption::ReuseAddress if reuses_anyway(&socket_ref) => Ok(()),
        SocketOption::ReuseAddress => socket_ref.set_reuse_address(on),
        SocketOption::NoDelay => socket_ref.set_tcp_nodelay(on),
    }
}

/// On Windows nothing lingers on the address of a stream, and what has this name lets two live listeners have one port.
fn reuses_anyway(socket: &SockRef<'_>) -> bool {
    cfg!(windows) && socket.r#type().is_ok_and(|kind| kind == socket2::Type::STREAM)
}

pub fn get_integer(socket: &Descriptor, option: IntegerOption) -> io::Result<u32> {
    let (level, name) = level_and_name(socket, option)?;
    let value = syscalls::integer_option(socket.owned_fd()?, level, name)?;
    u32::try_from(value).map_err(|_| io::Error::other(format!("the kernel says {value} for {option:?}")))
}

pub fn set_integer(socket: &Descriptor, option: IntegerOption, value: u32) -> io::Result<()> {
    let (level, name) = level_and_name(socket, option)?;
    let value = i32::try_from(value).map_err(|_| {
        let text =
            format!("set_integer_option: {value} is more than a kernel takes for {option:?}: {} at most", i32::MAX);
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })?;
    syscalls::set_integer_option(socket.owned_fd()?, level, name, value)
}

/// What getsockopt(2) calls it. Not through socket2, which turns keep-alive on when its time is set.
fn level_and_name(socket: &Descriptor, option: IntegerOption) -> io::Result<(i32, i32)> {
    Ok(match option {
        IntegerOption::SendBufferSize => (names::SOL_SOCKET, names::SO_SNDBUF),
        IntegerOption::ReceiveBufferSize => (names::SOL_SOCKET, names::SO_RCVBUF),
        IntegerOption::KeepAliveTime => (names::IPPROTO_TCP, keep_alive::TIME.ok_or_else(no_keep_alive)?),
        IntegerOption::KeepAliveInterval => (names::IPPROTO_TCP, keep_alive::INTERVAL.ok_or_else(no_keep_alive)?),
        IntegerOption::KeepAliveRetries => (names::IPPROTO_TCP, keep_alive::RETRIES.ok_or_else(no_keep_alive)?),
        IntegerOption::TimeToLive if syscalls::is_ipv6(socket.owned_fd()?)? => {
            (names::IPPROTO_IPV6, names::IPV6_UNICAST_HOPS)
        }
        IntegerOption::TimeToLive => (names::IPPROTO_IP, names::IP_TTL),
    })
}

fn no_keep_alive() -> io::Error {
    unsupported("changing when peers are probed", "this kernel", "set it for all connections with sysctl")
}

/// The kernel's numbers for when a silent peer is probed; OpenBSD and Haiku have them for all connections at once.
mod keep_alive {
    cfg_if::cfg_if! {
        if #[cfg(any(target_os = "openbsd", target_os = "haiku"))] {
            pub const TIME: Option<i32> = None;
            pub const INTERVAL: Option<i32> = None;
            pub const RETRIES: Option<i32> = None;
        } else {
            #[cfg(target_vendor = "apple")]
            pub const TIME: Option<i32> = Some(super::names::TCP_KEEPALIVE);
            #[cfg(not(target_vendor = "apple"))]
            pub const TIME: Option<i32> = Some(super::names::TCP_KEEPIDLE);
            pub const INTERVAL: Option<i32> = Some(super::names::TCP_KEEPINTVL);
            pub const RETRIES: Option<i32> = Some(super::names::TCP_KEEPCNT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::native::Native;
    use crate::{Domain, Platform, Type};

    fn stream(domain: Domain) -> Descriptor {
        Native.socket(domain, Type::Stream, None).expect("a socket")
    }

    #[test]
    fn a_number_that_was_set_is_what_the_kernel_says() {
        let socket = stream(Domain::Ipv4);
        for (option, value) in [
            (IntegerOption::KeepAliveTime, 30),
            (IntegerOption::KeepAliveInterval, 5),
            (IntegerOption::KeepAliveRetries, 3),
            (IntegerOption::TimeToLive, 12),
        ] {
            set_integer(&socket, option, value).expect("an ordinary value");
            assert_eq!(get_integer(&socket, option).expect("it was set"), value, "{option:?}");
        }
        assert!(!get(&socket, SocketOption::KeepAlive).expect("a flag"), "its times don't turn it on");
        for option in [IntegerOption::SendBufferSize, IntegerOption::ReceiveBufferSize] {
            set_integer(&socket, option, 20_000).expect("an ordinary value");
            let size = get_integer(&socket, option).expect("it was set");
            assert!((20_000..=40_000).contains(&size), "{option:?} {size}");
        }
    }

    #[test]
    fn the_hop_limit_of_ipv6_is_its_time_to_live() {
        // A machine may be without IPv6.
        let Ok(socket) = Native.socket(Domain::Ipv6, Type::Stream, None) else { return };
        set_integer(&socket, IntegerOption::TimeToLive, 7).expect("an ordinary value");
        assert_eq!(get_integer(&socket, IntegerOption::TimeToLive).expect("it was set"), 7);
    }

    #[test]
    fn a_number_beyond_the_kernels_is_refused_before_it_is_cut() {
        let error = set_integer(&stream(Domain::Ipv4), IntegerOption::SendBufferSize, u32::MAX).expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    fn no_delay_of_an_accepted_client(listener: &Descriptor) -> bool {
        let address = Native.local_addr(listener).expect("it is bound");
        let client = stream(Domain::Ipv4);
        Native.connect(&client, &address).expect("it listens");
        while !Native.is_ready(listener, crate::Interest::READ).expect("it can be watched") {}
        let (accepted, _) = Native.accept(listener).expect("it is ready");
        get(&accepted, SocketOption::NoDelay).expect("a flag")
    }

    #[test]
    fn small_pieces_leave_at_once_unless_the_program_wants_otherwise() {
        let listener = stream(Domain::Ipv4);
        Native.bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("any port");
        Native.listen(&listener, 8).expect("it is bound");
        assert!(get(&stream(Domain::Ipv4), SocketOption::NoDelay).expect("a flag"));
        assert!(no_delay_of_an_accepted_client(&listener));
        set(&listener, SocketOption::NoDelay, false).expect("a flag");
        assert!(!no_delay_of_an_accepted_client(&listener));
    }

    #[test]
    fn sockets_from_elsewhere_send_at_once_too() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("any port");
        let stream = std::net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        for socket in [Descriptor::from(listener), stream.into()] {
            assert!(!get(&socket, SocketOption::NoDelay).expect("a flag"));
            Native.adopt(&socket).expect("a socket");
            assert!(get(&socket, SocketOption::NoDelay).expect("a flag"));
        }
    }
}
