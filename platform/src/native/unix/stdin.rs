//! Standard input: a descriptor like any other.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A duplicate of it.
pub fn open() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}
