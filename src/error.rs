//! Errors with an operation and a remedy in their text.

use std::error::Error;
use std::fmt;
use std::io;

use selectio_platform::explained;

/// A call in the wrong state or with the wrong argument: the operation, what is wrong, what to do.
pub(crate) fn misuse(operation: &str, problem_and_remedy: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{operation}: {problem_and_remedy}"))
}

/// A call on what is closed: `what` is a socket or a delegate.
pub(crate) fn closed(operation: &str, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, format!("{operation}: the {what} is closed: make a new one"))
}

/// The same error with the operation in front of its text, and itself as the source, which keeps the number of
/// the operating system.
pub(crate) fn in_operation(operation: &str, error: io::Error) -> io::Error {
    explained(format!("{operation}: {error}"), error)
}

/// Names the operation where only the kernel has spoken so far. What just says to try again stays as it is.
pub(crate) fn named(operation: &str, error: io::Error) -> io::Error {
    let is_passing = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
    if is_passing || error.get_ref().is_some() { error } else { in_operation(operation, error) }
}

/// What `main` may return, so that a program that can't go on says why in one plain line.
///
/// ```no_run
/// use selectio::{AsyncSocket, Dispatcher, MainError};
///
/// fn main() -> Result<(), MainError> {
///     let server = AsyncSocket::listener("127.0.0.1:7000")?;
///     server.set_handle_accept(|server, _| {
///         while let Some(client) = server.accept()? {
///             client.send("nobody is at home\n")?;
///         }
///         Ok(())
///     });
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

impl Error for MainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
