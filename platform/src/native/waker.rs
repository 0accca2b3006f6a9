//! A pipe that ends a wait: the only thing here that another thread may touch.

use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Descriptor, Wake, syscalls};

pub struct PipeWaker {
    writer: PipeWriter,
    /// A wake was called since the owner acknowledged the last one, and the pipe says so or is about to.
    is_pending: AtomicBool,
}

/// The end to watch, and the waker that makes it readable.
pub fn pipe() -> io::Result<(Descriptor, PipeWaker)> {
    let (reader, writer) = io::pipe()?;
    syscalls::set_nonblocking_and_cloexec(reader.as_fd())?;
    syscalls::set_nonblocking_and_cloexec(writer.as_fd())?;
    Ok((OwnedFd::from(reader).into(), PipeWaker { writer, is_pending: AtomicBool::new(false) }))
}

/// The two swaps are all that orders the threads. All of them change one flag, one after the other. A wake that
/// finds it set comes before the acknowledgement that clears it, and every swap releases what its thread did
/// before and acquires what the swaps before it released: so what was published before a wake that wrote nothing
/// is seen after that acknowledgement. A wake after it finds the flag clear and writes.
impl Wake for PipeWaker {
    fn wake(&self) -> io::Result<()> {
        if self.is_pending.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match (&self.writer).write(&[0]) {
            // Full of wake-ups that nobody has seen yet: one more would say nothing new.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                // Nothing is under way, so the next one has to try again.
                self.is_pending.store(false, Ordering::Release);
                Err(error)
            }
            Ok(_) => Ok(()),
        }
    }

    fn acknowledge(&self) {
        self.is_pending.swap(false, Ordering::AcqRel);
    }
}
