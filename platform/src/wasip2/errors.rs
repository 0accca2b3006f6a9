//! What the error codes of `wasi:sockets` are here, with a remedy where there is one.

use std::io;

use wasip2::io::streams::Error;
use wasip2::sockets::network::ErrorCode;

use crate::error::{connection_gone, exhausted};

/// How a program gets the network.
const GRANT: &str = "give it the network, by `wasmtime run -S inherit-network program.wasm`, \
    `selectio run --inherit-network program.wasm`, or there only what is needed, by `--allow-tcp ADDRESS` and \
    `--allow-udp ADDRESS`";

/// How it may look up names.
const GRANT_NAMES: &str = "give it the network, by `wasmtime run -S inherit-network program.wasm`, or \
    `selectio run --allow-names program.wasm`";

/// An error of `operation`, which is named where the code alone says too little.
pub fn to_error(operation: &str, code: ErrorCode) -> io::Error {
    use io::ErrorKind;

    let (kind, text) = match code {
        ErrorCode::WouldBlock => return ErrorKind::WouldBlock.into(),
        ErrorCode::ConnectionRefused => (ErrorKind::ConnectionRefused, "connection refused"),
        ErrorCode::ConnectionReset => (ErrorKind::ConnectionReset, "connection reset by peer"),
        ErrorCode::ConnectionAborted => (ErrorKind::ConnectionAborted, "connection aborted"),
        ErrorCode::Timeout => (ErrorKind::TimedOut, "connection timed out"),
        ErrorCode::RemoteUnreachable => (ErrorKind::HostUnreachable, "no route to that address"),
        ErrorCode::AddressInUse => (ErrorKind::AddrInUse, "address already in use"),
        ErrorCode::AddressNotBindable => (ErrorKind::AddrNotAvailable, "no address of this machine"),
        ErrorCode::InvalidArgument => (ErrorKind::InvalidInput, "this value or address can't be used so"),
        ErrorCode::InvalidState => (ErrorKind::InvalidInput, "the socket is in no state for it"),
        ErrorCode::NotSupported => (ErrorKind::Unsupported, "this host can't do it"),
        ErrorCode::OutOfMemory => (ErrorKind::OutOfMemory, "the host is out of memory"),
        ErrorCode::DatagramTooLarge => (ErrorKind::InvalidInput, "the datagram is too large: send less at a time"),
        ErrorCode::AccessDenied => return refused(operation, GRANT),
        ErrorCode::NewSocketLimit => {
            let text = format!(
                "{operation}: no socket is left: close some, or let the host allow more (`ulimit -n`, \
                 `selectio run --max-sockets`)"
            );
            return io::Error::new(ErrorKind::QuotaExceeded, text);
        }
        other => return io::Error::other(format!("{operation}: the host says {}", other.name())),
    };
    io::Error::new(kind, format!("{operation}: {text}"))
}

fn refused(operation: &str, remedy: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{operation}: the host doesn't let this program: {remedy}"))
}

/// Of accept: whether it is about the connection, this program or the listener.
pub fn of_accept(code: ErrorCode) -> io::Error {
    let error = to_error("accept", code);
    match code {
        ErrorCode::NewSocketLimit | ErrorCode::OutOfMemory => exhausted(error),
        ErrorCode::ConnectionAborted
        | ErrorCode::ConnectionReset
        | ErrorCode::RemoteUnreachable
        | ErrorCode::Timeout
        | ErrorCode::AccessDenied => connection_gone(error),
        _ => error,
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

/// An error of a stream.
pub fn of_stream(operation: &str, error: &Error) -> io::Error {
    of_description(operation, &error.to_debug_string())
}

fn of_description(operation: &str, description: &str) -> io::Error {
    // Each host writes it in its own way: `ConnectionReset`, `connection-reset`, `Connection reset by peer`.
    let letters: String = description.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    match STREAM_ERRORS.iter().find(|(words, _)| letters.contains(words)) {
        Some((_, code)) => to_error(operation, *code),
        None => io::Error::other(format!("{operation}: the host says {description}")),
    }
}

/// Of looking up a name.
pub fn of_lookup(host: &str, code: ErrorCode) -> io::Error {
    let operation = format!("looking up {host}");
    let (kind, text) = match code {
        ErrorCode::AccessDenied => return refused(&operation, GRANT_NAMES),
        ErrorCode::NameUnresolvable | ErrorCode::InvalidArgument => {
            (io::ErrorKind::NotFound, "there is no such name: check how it is spelt")
        }
        ErrorCode::TemporaryResolverFailure => {
            (io::ErrorKind::Other, "the name server doesn't answer: try again later")
        }
        ErrorCode::PermanentResolverFailure => (io::ErrorKind::Other, "the name server can't answer"),
        other => return to_error(&operation, other),
    };
    io::Error::new(kind, format!("{operation}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_known_by_whatever_words_a_host_has_for_it() {
        for text in
            ["ErrorCode { code: 15, name: \"connection-reset\" }", "Os { message: \"Connection reset by peer\" }"]
        {
            assert_eq!(of_description("recv", text).kind(), io::ErrorKind::ConnectionReset);
        }
        assert_eq!(of_description("recv", "who knows").to_string(), "recv: the host says who knows");
    }

    #[test]
    fn a_refusal_says_how_to_allow_it() {
        let error = to_error("bind", ErrorCode::AccessDenied);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        for flag in ["-S inherit-network", "--inherit-network", "--allow-tcp"] {
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}
