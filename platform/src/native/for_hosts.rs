//! What a host that runs other programs needs: it keeps the descriptors itself, and waits for them and makes the calls
//! that differ between the systems by this.

use std::io;

pub use super::accept::NO_DELAY_IS_INHERITED;
pub use super::pair::Writer;
pub use super::selector::FdSelector;
pub use super::system::{Borrowed, Owned};
use super::{pair, stdin, syscalls};

/// A connection from a listener: non-blocking, and no child process inherits it.
///
/// # Errors
/// Those of `accept(2)`, as the system has them.
pub fn accept(listener: Borrowed<'_>) -> io::Result<Owned> {
    syscalls::accept(listener).map(|(socket, _)| socket)
}

/// Two connected ends, both non-blocking: what is written to the second makes the first readable.
///
/// # Errors
/// What the system says when it has no room for them.
pub fn pair() -> io::Result<(Owned, Writer)> {
    pair::open()
}

/// Whether the one that started this process wants nothing done on this signal.
///
/// # Errors
/// `InvalidInput` for a number that is no signal.
#[cfg(unix)]
pub fn is_ignored(signal: i32) -> io::Result<bool> {
    syscalls::is_ignored(signal)
}

/// Standard input, to be read and waited for. On Windows, where neither a console nor a pipe can be waited for together
/// with sockets, it is a socket to which a thread passes on what it reads, from the first call on.
///
/// # Errors
/// Those of duplicating the descriptor.
pub fn stdin() -> io::Result<Owned> {
    stdin::open()
}
