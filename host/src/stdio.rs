//! Standard input, output and error of the guest: the process's own.
//!
//! Their open file descriptions belong to others as well (the shell, the other
//! end of a pipeline), so no flag of theirs is ever changed; what the guest
//! sets for itself is kept here.

use crate::errno::Errno;
use crate::memory::Vectors;
use crate::sys;
use crate::waiting::{Deadline, Failure};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The most that a pipe takes without blocking once it reports to be writable.
const PIPE_ATOMIC: usize = 4096;

enum Stream {
    Input(io::Stdin),
    Output(io::Stdout),
    Error(io::Stderr),
}

/// One of the three standard streams.
pub(crate) struct Stdio {
    stream: Stream,
    /// The guest's own NONBLOCK flag.
    pub(crate) nonblocking: bool,
}

impl Stdio {
    /// The three, in the order of their numbers.
    pub(crate) fn all() -> [Stdio; 3] {
        [Stream::Input(io::stdin()), Stream::Output(io::stdout()), Stream::Error(io::stderr())]
            .map(|stream| Stdio { stream, nonblocking: false })
    }

    pub(crate) fn is_input(&self) -> bool {
        matches!(self.stream, Stream::Input(_))
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.as_fd().is_terminal()
    }

    pub(crate) fn read(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        if !self.is_input() {
            return Err(Errno::BADF.into());
        }
        if self.may_not_block(deadline) {
            self.ready(libc::POLLIN, deadline)?;
        }
        loop {
            match sys::read(self.as_fd(), vectors) {
                Err(error) if self.should_wait(&error) => {
                    deadline.wait(self.as_fd(), libc::POLLIN)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }

    pub(crate) fn write(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        if self.is_input() {
            return Err(Errno::BADF.into());
        }
        if self.may_not_block(deadline) {
            self.ready(libc::POLLOUT, deadline)?;
            vectors.truncate(PIPE_ATOMIC);
        }
        loop {
            match sys::write(self.as_fd(), vectors) {
                Err(error) if self.should_wait(&error) => {
                    deadline.wait(self.as_fd(), libc::POLLOUT)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }

    /// The descriptor itself usually blocks. Where the guest must not, or only
    /// until its time is over, readiness is asked for first.
    fn may_not_block(&self, deadline: &Deadline) -> bool {
        self.nonblocking || deadline.is_set()
    }

    fn ready(&self, events: i16, deadline: &Deadline) -> Result<(), Failure> {
        if !self.nonblocking {
            return deadline.wait(self.as_fd(), events).map(drop);
        }
        let now = Some(Duration::ZERO);
        match sys::wait_for_one(self.as_fd(), events, now).map_err(Errno::from)? {
            0 => Err(Errno::AGAIN.into()),
            _ => Ok(()),
        }
    }

    /// Whoever started the host may have made the descriptor non-blocking.
    fn should_wait(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock && !self.nonblocking
    }
}

impl AsFd for Stdio {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Input(input) => input.as_fd(),
            Stream::Output(output) => output.as_fd(),
            Stream::Error(error) => error.as_fd(),
        }
    }
}
