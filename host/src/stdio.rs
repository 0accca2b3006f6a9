//! Standard input, output and error of the guest: the process's own.
//!
//! Their open file descriptions belong to others as well (the shell, the other
//! end of a pipeline), so no flag of theirs is ever changed; what the guest
//! sets for itself is kept here.

use crate::errno::Errno;
use crate::memory::Vectors;
use crate::system::calls;
use crate::system::readiness::Readiness;
use crate::system::stdio::Stream;
use crate::waiting::{Deadline, Failure};
use selectio_platform::Interest;
use selectio_platform::for_hosts::Borrowed;
use std::io;
use std::time::Duration;

/// The most that a pipe takes without blocking once it reports to be writable.
const PIPE_ATOMIC: usize = 4096;

/// One of the three standard streams.
pub(crate) struct Stdio {
    stream: Stream,
    /// The guest's own NONBLOCK flag.
    pub(crate) nonblocking: bool,
}

impl Stdio {
    /// The three, in the order of their numbers.
    pub(crate) fn all() -> [Stdio; 3] {
        Stream::all().map(|stream| Stdio { stream, nonblocking: false })
    }

    pub(crate) fn is_input(&self) -> bool {
        matches!(self.stream, Stream::Input(_))
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.stream.is_terminal()
    }

    /// What it is waited for with; `None` where it is always ready.
    pub(crate) fn source(&self) -> io::Result<Option<Borrowed<'_>>> {
        self.stream.source()
    }

    pub(crate) fn read(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        if !self.is_input() {
            return Err(Errno::BADF.into());
        }
        if self.may_not_block(deadline) {
            self.ready(Interest::READ, deadline)?;
        }
        loop {
            match self.stream.read(vectors) {
                Err(error) if self.should_wait(&error) => {
                    self.wait(Interest::READ, deadline)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }

    pub(crate) fn write(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        if self.is_input() {
            return Err(Errno::BADF.into());
        }
        if !self.may_not_block(deadline) {
            return self.write_once(vectors, deadline);
        }
        let length = vectors.length();
        let mut written = 0;
        loop {
            match self.write_piece(vectors, deadline) {
                // What was written before has to be told; the error comes again.
                Err(Failure::Errno(_)) if written > 0 => return Ok(written),
                piece => written += piece?,
            }
            if self.nonblocking || written >= length {
                return Ok(written);
            }
        }
    }

    /// Writes as much as surely doesn't block, and leaves it out of `vectors`.
    fn write_piece(&self, vectors: &mut Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        self.ready(Interest::WRITE, deadline)?;
        let written = vectors.with_first(PIPE_ATOMIC, |piece| self.write_once(piece, deadline))?;
        vectors.advance(written);
        Ok(written)
    }

    fn write_once(&self, vectors: &Vectors<'_>, deadline: &Deadline) -> Result<usize, Failure> {
        loop {
            match self.stream.write(vectors) {
                Err(error) if self.should_wait(&error) => {
                    self.wait(Interest::WRITE, deadline)?;
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

    fn ready(&self, interest: Interest, deadline: &Deadline) -> Result<(), Failure> {
        if !self.nonblocking {
            return self.wait(interest, deadline);
        }
        let Some(source) = self.source().map_err(Errno::from)? else { return Ok(()) };
        let now = Some(Duration::ZERO);
        match calls::wait_for_one(source, interest, now).map_err(Errno::from)? {
            Readiness::None => Err(Errno::AGAIN.into()),
            Readiness::Ready | Readiness::Failed => Ok(()),
        }
    }

    fn wait(&self, interest: Interest, deadline: &Deadline) -> Result<(), Failure> {
        match self.source().map_err(Errno::from)? {
            Some(source) => deadline.wait(source, interest).map(drop),
            None => Ok(()),
        }
    }

    /// Whoever started the host may have made the descriptor non-blocking.
    fn should_wait(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock && !self.nonblocking
    }
}
