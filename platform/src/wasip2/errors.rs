//! What the error codes of `wasi:sockets` are here, with a remedy where there is one.

use std::io;

use wasip2::io::streams::Error;
use wasip2::sockets::network::ErrorCode;

use crate::error::{connection_gone, exhausted, explained};

/// How a program gets the network.
const GRANT: &str = "give it the network, by `wasmtime run -S inherit-network program.wasm`, \
    `selectio run --inherit-network program.wasm`, or there only what is needed, by `--allow-tcp ADDRESS` and \
    `--allow-udp ADDRESS`";

/// How it may look up names, which is a permission of its own.
const GRANT_NAMES: &str = "`wasmtime run -S allow-ip-name-lookup`, or `selectio run --allow-names`";

/// The same number, and so the same kind and text, as the standard library has for it on this target.
pub fn to_error(code: ErrorCode) -> io::Error {
    let error = io::Error::from_raw_os_error(number(code));
    match code {
        ErrorCode::AccessDenied => {
            explained(format!("the host doesn't let this program use the network so: {GRANT}"), error)
        }
        _ => error,
    }
}

fn number(code: ErrorCode) -> i32 {
    match code {
        ErrorCode::WouldBlock => libc::EAGAIN,
        ErrorCode::AccessDenied => libc::EACCES,
        ErrorCode::NotSupported => libc::EOPNOTSUPP,
        ErrorCode::InvalidArgument | ErrorCode::InvalidState => libc::EINVAL,
        ErrorCode::OutOfMemory => libc::ENOMEM,
        ErrorCode::Timeout => libc::ETIMEDOUT,
        ErrorCode::ConcurrencyConflict => libc::EALREADY,
        ErrorCode::NewSocketLimit => libc::EMFILE,
        ErrorCode::AddressNotBindable => libc::EADDRNOTAVAIL,
        ErrorCode::AddressInUse => libc::EADDRINUSE,
        ErrorCode::RemoteUnreachable => libc::EHOSTUNREACH,
        ErrorCode::ConnectionRefused => libc::ECONNREFUSED,
        ErrorCode::ConnectionReset => libc::ECONNRESET,
        ErrorCode::ConnectionAborted => libc::ECONNABORTED,
        ErrorCode::DatagramTooLarge => libc::EMSGSIZE,
        ErrorCode::NameUnresolvable => libc::ENOENT,
        ErrorCode::TemporaryResolverFailure | ErrorCode::PermanentResolverFailure => libc::EIO,
        ErrorCode::NotInProgress | ErrorCode::Unknown => libc::EIO,
    }
}

/// Of accept: whether it is about the connection, this program or the listener.
pub fn of_accept(code: ErrorCode) -> io::Error {
    let error = to_error(code);
    match code {
        ErrorCode::WouldBlock | ErrorCode::InvalidState | ErrorCode::NotSupported => error,
        ErrorCode::ConnectionAborted
        | ErrorCode::ConnectionReset
        | ErrorCode::RemoteUnreachable
        | ErrorCode::Timeout
        | ErrorCode::AccessDenied
        // Of Windows, about a connection that was reset: a listener can't be in a wrong state.
        | ErrorCode::InvalidArgument => connection_gone(error),
        // Among them what Wasmtime has no word for, which is that the host has no descriptor left (EMFILE).
        _ => exhausted(error),
    }
}

/// What an error of a stream is, by the words for which hosts have it in their text for whoever looks for faults: that is
/// all they tell, as the call that would give the code (`network-error-code`) is not in every host.
const STREAM_ERRORS: [(&str, ErrorCode); 4] = [
    ("connectionreset", ErrorCode::ConnectionReset),
    ("connectionaborted", ErrorCode::ConnectionAborted),
    ("timeout", ErrorCode::Timeout),
    ("remoteunreachable", ErrorCode::RemoteUnreachable),
];

/// A datagram for somebody else than the peer of a socket that has one. Kernels send it all the same.
pub fn has_a_peer() -> io::Error {
    let text = "a connected socket sends to its peer alone here: send to others from a socket that is not connected";
    explained(text, io::Error::from_raw_os_error(libc::EINVAL))
}

/// An error of a stream.
pub fn of_stream(error: &Error) -> io::Error {
    of_description(&error.to_debug_string())
}

fn of_description(description: &str) -> io::Error {
    // Each host writes it in its own way: `ConnectionReset`, `connection-reset`, `Connection reset by peer`.
    let letters: String = description.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    match STREAM_ERRORS.iter().find(|(words, _)| letters.contains(words)) {
        Some((_, code)) => to_error(*code),
        None => explained(format!("the host says {description}"), io::Error::from_raw_os_error(libc::EIO)),
    }
}

/// Sending on a connection that is closed for it, by whichever side.
pub fn broken_pipe() -> io::Error {
    io::Error::from_raw_os_error(libc::EPIPE)
}

pub fn not_connected() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOTCONN)
}

/// Of looking up a name.
pub fn of_lookup(host: &str, code: ErrorCode) -> io::Error {
    let text = match code {
        ErrorCode::AccessDenied => format!("the host doesn't let this program look up names: let it, by {GRANT_NAMES}"),
        ErrorCode::NameUnresolvable | ErrorCode::InvalidArgument => format!("there is no host called {host}"),
        ErrorCode::TemporaryResolverFailure => format!("no name server answers about {host} now"),
        // Wasmtime says this when it may not ask at all.
        ErrorCode::PermanentResolverFailure => {
            format!("the host can't or may not look up {host} (what lets it: {GRANT_NAMES})")
        }
        other => return to_error(other),
    };
    let error = match code {
        ErrorCode::InvalidArgument => ErrorCode::NameUnresolvable,
        code => code,
    };
    explained(text, io::Error::from_raw_os_error(number(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_known_by_whatever_words_a_host_has_for_it() {
        for text in
            ["ErrorCode { code: 15, name: \"connection-reset\" }", "Os { message: \"Connection reset by peer\" }"]
        {
            assert_eq!(of_description(text).kind(), io::ErrorKind::ConnectionReset);
        }
        assert_eq!(of_description("who knows").to_string(), "the host says who knows");
    }

    #[test]
    fn no_error_of_accept_costs_a_listener_that_may_be_as_good_as_before() {
        for code in [ErrorCode::Unknown, ErrorCode::NewSocketLimit, ErrorCode::OutOfMemory] {
            assert_eq!(of_accept(code).kind(), io::ErrorKind::QuotaExceeded, "{code:?}");
        }
        for code in [ErrorCode::ConnectionAborted, ErrorCode::InvalidArgument] {
            assert_eq!(of_accept(code).kind(), io::ErrorKind::ConnectionAborted, "{code:?}");
        }
        assert_eq!(of_accept(ErrorCode::WouldBlock).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(of_accept(ErrorCode::InvalidState).kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_refusal_says_how_to_allow_it() {
        let error = to_error(ErrorCode::AccessDenied);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        for flag in ["-S inherit-network", "--inherit-network", "--allow-tcp"] {
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}
