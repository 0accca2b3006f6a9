//! Socket options: those that `wasi:sockets` has.

use std::io;

use wasip2::sockets::network::ErrorCode;

use super::errors;
use super::resource::{Kind, Resource};
use crate::error::{not_a_socket, unsupported};
use crate::{IntegerOption, SocketOption};

const HOST_SETS: &str = "the host decides it for all sockets: leave it out";
const NANOSECONDS: u64 = 1_000_000_000;

pub fn get(resource: &Resource, option: SocketOption) -> io::Result<bool> {
    let answer = match (option, &resource.kind) {
        (SocketOption::AcceptConnections, Kind::Tcp(tcp)) => Ok(tcp.socket.is_listening()),
        (SocketOption::AcceptConnections, Kind::Udp(_)) => Ok(false),
        (SocketOption::KeepAlive, Kind::Tcp(tcp)) => tcp.socket.keep_alive_enabled(),
        // The hosts see to it that a port can be had again at once.
        (SocketOption::ReuseAddress, Kind::Tcp(_)) => Ok(true),
        (_, Kind::Tcp(_) | Kind::Udp(_)) => return refuse(option),
        _ => return Err(not_a_socket("standard input or the signals")),
    };
    answer.map_err(|code| errors::to_error("option", code))
}

pub fn set(resource: &Resource, option: SocketOption, on: bool) -> io::Result<()> {
    match (option, &resource.kind) {
        (SocketOption::AcceptConnections, _) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "set_option: a socket accepts by listening: call listen"))
        }
        (SocketOption::KeepAlive, Kind::Tcp(tcp)) => {
            tcp.socket.set_keep_alive_enabled(on).map_err(|code| errors::to_error("set_option", code))
        }
        (SocketOption::ReuseAddress, Kind::Tcp(_)) if on => Ok(()),
        (_, Kind::Tcp(_) | Kind::Udp(_)) => refuse(option),
        _ => Err(not_a_socket("standard input or the signals")),
    }
}

fn refuse<T>(option: impl std::fmt::Debug) -> io::Result<T> {
    Err(unsupported(&format!("the socket option {option:?}"), super::NAME, HOST_SETS))
}

pub fn get_integer(resource: &Resource, option: IntegerOption) -> io::Result<u32> {
    let value = match &resource.kind {
        Kind::Tcp(tcp) => match option {
            IntegerOption::SendBufferSize => tcp.socket.send_buffer_size(),
            IntegerOption::ReceiveBufferSize => tcp.socket.receive_buffer_size(),
            IntegerOption::KeepAliveTime => tcp.socket.keep_alive_idle_time().map(|time| time.div_ceil(NANOSECONDS)),
            IntegerOption::KeepAliveInterval => tcp.socket.keep_alive_interval().map(|time| time.div_ceil(NANOSECONDS)),
            IntegerOption::KeepAliveRetries => tcp.socket.keep_alive_count().map(u64::from),
            IntegerOption::TimeToLive => tcp.socket.hop_limit().map(u64::from),
        },
        Kind::Udp(udp) => match option {
            IntegerOption::SendBufferSize => udp.socket.send_buffer_size(),
            IntegerOption::ReceiveBufferSize => udp.socket.receive_buffer_size(),
            IntegerOption::TimeToLive => udp.socket.unicast_hop_limit().map(u64::from),
            _ => return refuse(option),
        },
        _ => return Err(not_a_socket("standard input or the signals")),
    };
    let value = value.map_err(|code| errors::to_error("integer_option", code))?;
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}

pub fn set_integer(resource: &Resource, option: IntegerOption, value: u32) -> io::Result<()> {
    let (number, time) = (u64::from(value), u64::from(value) * NANOSECONDS);
    // Hops beyond a byte: what the kernels say to them.
    let hops = u8::try_from(value).map_err(|_| ErrorCode::InvalidArgument);
    let answer = match &resource.kind {
        Kind::Tcp(tcp) => match option {
            IntegerOption::SendBufferSize => tcp.socket.set_send_buffer_size(number),
            IntegerOption::ReceiveBufferSize => tcp.socket.set_receive_buffer_size(number),
            IntegerOption::KeepAliveTime => tcp.socket.set_keep_alive_idle_time(time),
            IntegerOption::KeepAliveInterval => tcp.socket.set_keep_alive_interval(time),
            IntegerOption::KeepAliveRetries => tcp.socket.set_keep_alive_count(value),
            IntegerOption::TimeToLive => hops.and_then(|hops| tcp.socket.set_hop_limit(hops)),
        },
        Kind::Udp(udp) => match option {
            IntegerOption::SendBufferSize => udp.socket.set_send_buffer_size(number),
            IntegerOption::ReceiveBufferSize => udp.socket.set_receive_buffer_size(number),
            IntegerOption::TimeToLive => hops.and_then(|hops| udp.socket.set_unicast_hop_limit(hops)),
            _ => return refuse(option),
        },
        _ => return Err(not_a_socket("standard input or the signals")),
    };
    answer.map_err(|code| errors::to_error("set_integer_option", code))
}
