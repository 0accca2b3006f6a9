//! Errors that say what to do and still know what the operating system said.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use crate::Backend;

/// What failed and what to do about it, with the error that the operating system or the host gave as its source.
///
/// It is inside an [`io::Error`]: [`explained`] makes one.
#[derive(Debug)]
pub struct OperationError {
    text: String,
    source: io::Error,
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for OperationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// An error of the same kind as `source` that reads as `text`, and keeps `source` as its
/// [source](Error::source).
///
/// ```
/// use std::io;
///
/// use selectio_platform::{explained, raw_os_error};
///
/// let source = io::Error::from(io::ErrorKind::AddrInUse);
/// let error = explained("bind: another program has the port: choose another one", source);
/// assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
/// assert_eq!(raw_os_error(&error), None);
/// ```
pub fn explained(text: impl Into<String>, source: io::Error) -> io::Error {
    explained_as(source.kind(), text, source)
}

/// The same with a kind of its own, for a caller that has to tell apart what the operating system does not.
pub fn explained_as(kind: io::ErrorKind, text: impl Into<String>, source: io::Error) -> io::Error {
    io::Error::new(kind, OperationError { text: text.into(), source })
}

/// The number that the operating system gave, of the error itself or of the one that it explains.
#[must_use]
pub fn raw_os_error(error: &io::Error) -> Option<i32> {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(number) = error.downcast_ref().and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        source = error.source();
    }
    None
}

/// A descriptor that is something else than a socket.
pub(crate) fn not_a_socket(what: &str) -> io::Error {
    let text = format!("the descriptor is {what}, not a socket: use a Delegate");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// The refusal of C4: it would never end.
pub(crate) fn nothing_to_wait_for() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "nothing is watched and no timeout is given, so this wait would never end: register a socket that has a handler \
         and is not paused, close those that nobody reads, or give a timeout",
    )
}

/// A second watch on one number.
pub(crate) fn watched_already() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "this descriptor is watched already: change that watch, or remove it first \
         (standard input and the signals have one number for the whole program on wasip1)",
    )
}

/// Why a path can't be bound.
pub(crate) fn path_in_use(path: &Path) -> String {
    format!("bind: somebody has the socket {} open: stop that program, or choose another path", path.display())
}

/// There is a connection to accept and nothing to hold it with, which passes when something is closed.
pub(crate) fn exhausted(error: io::Error) -> io::Error {
    let remedy = if cfg!(target_family = "wasm") {
        "close some, or let the host allow more (`selectio run --max-sockets`, `ulimit -n`)"
    } else {
        "close some, or raise `ulimit -n`"
    };
    let text = format!("accept: no descriptor or memory left for one more connection ({error}): {remedy}");
    explained_as(io::ErrorKind::QuotaExceeded, text, error)
}

/// The connection that waited is gone, and the listener is as good as before.
pub(crate) fn connection_gone(error: io::Error) -> io::Error {
    let text = format!("accept: the connection was gone before it was accepted ({error}): accept the next one");
    explained_as(io::ErrorKind::ConnectionAborted, text, error)
}

/// A mechanism to wait with that a world does not have.
pub(crate) fn no_such_backend(backend: Backend, platform: &str) -> io::Error {
    let operation = format!("waiting with {backend:?}");
    unsupported(&operation, platform, "leave the backend out, or choose Backend::Default: that waits on every target")
}

/// An operation that a world does not have, with what to do instead.
pub(crate) fn unsupported(operation: &str, platform: &str, remedy: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{operation} is not possible on {platform}: {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explained_error_keeps_its_kind_and_its_number() {
        let original = io::Error::from_raw_os_error(13);
        let kind = original.kind();
        let error = explained("outer", explained("inner", original));
        assert_eq!((error.kind(), error.to_string()), (kind, "outer".to_owned()));
        assert_eq!(raw_os_error(&error), Some(13));
        assert_eq!(error.source().map(ToString::to_string), Some("inner".to_owned()));
        assert_eq!(raw_os_error(&io::ErrorKind::NotFound.into()), None);
    }

    #[test]
    fn a_kind_of_its_own_leaves_the_source_as_it_was() {
        let error = exhausted(io::Error::from_raw_os_error(24));
        assert_eq!((error.kind(), raw_os_error(&error)), (io::ErrorKind::QuotaExceeded, Some(24)));
    }
}
