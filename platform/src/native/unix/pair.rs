//! Two connected ends: what is written to one makes the other readable.

use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};

use super::syscalls;

/// The end to write to. A full one doesn't block.
pub type Writer = PipeWriter;

/// The end to watch, and the other one: a pipe.
pub fn open() -> io::Result<(OwnedFd, Writer)> {
    let (reader, writer) = io::pipe()?;
    syscalls::set_nonblocking_and_cloexec(reader.as_fd())?;
    syscalls::set_nonblocking_and_cloexec(writer.as_fd())?;
    Ok((reader.into(), writer))
}
