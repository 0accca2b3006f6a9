//! Accepting, and what its errors are about: the connection, this process, or the listener.

use std::io;
use std::net::SocketAddr;

use super::system::errors;
use super::{Descriptor, sockets, syscalls};
use crate::error::{connection_gone, exhausted};

/// Whether the kernel gives an accepted connection the TCP_NODELAY of its listener. Those not named here may do so
/// too, but don't say it.
pub const NO_DELAY_IS_INHERITED: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
));

pub fn accept(listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)> {
    let (client, address) = syscalls::accept(listener.fd()?).map_err(classify)?;
    let client = client.into();
    if !NO_DELAY_IS_INHERITED && sockets::borrow(listener)?.tcp_nodelay().unwrap_or(false) {
        sockets::set_no_delay(&client);
    }
    Ok((client, address.as_socket()))
}

fn classify(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) if errors::EXHAUSTED.contains(&number) => exhausted(error),
        Some(number) if errors::CONNECTION_GONE.contains(&number) => connection_gone(error),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_os_error;

    fn kind_of(number: i32) -> io::ErrorKind {
        let error = classify(io::Error::from_raw_os_error(number));
        assert_eq!(raw_os_error(&error), Some(number), "the number stays reachable: {error}");
        error.kind()
    }

    #[test]
    fn errors_of_the_connection_say_that_it_is_gone() {
        for &number in errors::CONNECTION_GONE {
            assert_eq!(kind_of(number), io::ErrorKind::ConnectionAborted);
        }
    }

    #[test]
    fn errors_of_the_process_are_told_apart_from_those_of_the_listener() {
        for number in errors::EXHAUSTED {
            assert_eq!(kind_of(number), io::ErrorKind::QuotaExceeded);
        }
        for number in errors::OF_THE_LISTENER {
            assert_eq!(kind_of(number), io::Error::from_raw_os_error(number).kind());
        }
    }
}
