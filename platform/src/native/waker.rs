//! A pipe that ends a wait: the only thing here that another thread may touch.

use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};

use super::{Descriptor, Wake, syscalls};

pub struct PipeWaker(PipeWriter);

/// The end to watch, and the waker that makes it readable.
pub fn pipe() -> io::Result<(Descriptor, PipeWaker)> {
    let (reader, writer) = io::pipe()?;
    syscalls::set_nonblocking_and_cloexec(reader.as_fd())?;
    syscalls::set_nonblocking_and_cloexec(writer.as_fd())?;
    Ok((OwnedFd::from(reader).into(), PipeWaker(writer)))
}

impl Wake for PipeWaker {
    fn wake(&self) -> io::Result<()> {
        match (&self.0).write(&[0]) {
            // Full of wake-ups that nobody has seen yet: one more would say nothing new.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result.map(drop),
        }
    }
}
