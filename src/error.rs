//! Errors with an operation and a remedy in their text.

use std::fmt;
use std::io;

/// A call in the wrong state or with the wrong argument: the operation, what is wrong, what to do.
pub(crate) fn misuse(operation: &str, problem_and_remedy: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{operation}: {problem_and_remedy}"))
}

/// A call on a socket that is closed.
pub(crate) fn closed(operation: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, format!("{operation}: the socket is closed: make a new one"))
}

/// The same error with the operation in front of its text.
pub(crate) fn in_operation(operation: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{operation}: {error}"))
}

/// What `main` may return, so that a program that can't go on says why in one plain line.
///
/// ```no_run
/// use selectio::{AsyncSocket, Dispatcher, MainError};
///
/// fn main() -> Result<(), MainError> {
///     let server = AsyncSocket::listener("127.0.0.1:7000")?;
///     let dispatcher = Dispatcher::new()?;
///     dispatcher.register(&server)?;
///     dispatcher.run()?;
///     Ok(())
/// }
/// ```
pub struct MainError(io::Error);

impl From<io::Error> for MainError {
    fn from(error: io::Error) -> MainError {
        MainError(error)
    }
}

// std prints what `main` returns through Debug.
impl fmt::Debug for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
