//! Standard input, output and error of the guest: the process's own, or what whoever embeds this host gives it.
//!
//! Their open file descriptions belong to others as well (the shell, the other
//! end of a pipeline), so no flag of theirs is ever changed; what the guest
//! sets for itself is kept here.

use crate::errno::Errno;
use crate::given::Given;
use crate::memory::Vectors;
use crate::system::calls;
use crate::system::readiness::Readiness;
use crate::system::stdio::Stream;
use crate::waiting::{Cancellation, Failure};
use selectio_platform::Interest;
use selectio_platform::for_hosts::Borrowed;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most that a pipe takes without blocking once it reports to be writable.
const PIPE_ATOMIC: usize = 4096;

/// Where the guest's output goes.
#[derive(Clone, Default)]
pub(crate) enum Output {
    /// To the process's own stream.
    #[default]
    Process,
    /// To whoever embeds this host.
    Writer(Arc<Mutex<dyn Write + Send>>),
}

/// One of the three standard streams.
pub(crate) struct Stdio {
    end: End,
    is_input: bool,
    /// The guest's own NONBLOCK flag.
    pub(crate) nonblocking: bool,
}

/// What is at the other end of it.
enum End {
    Process(Stream),
    Writer(Arc<Mutex<dyn Write + Send>>),
    /// Input without anything in it.
    Nothing,
}

impl Stdio {
    /// The three, in the order of their numbers.
    pub(crate) fn all(given: &Given) -> [Stdio; 3] {
        let [input, output, error] = Stream::all().map(End::Process);
        let input = if given.has_no_input { End::Nothing } else { input };
        let directed = |process: End, output: &Output| match output {
            Output::Process => process,
            Output::Writer(writer) => End::Writer(Arc::clone(writer)),
        };
        let (output, error) = (directed(output, &given.output), directed(error, &given.error_output));
        [(input, true), (output, false), (error, false)].map(|(end, is_input)| Stdio {
            end,
            is_input,
            nonblocking: false,
        })
    }

    pub(crate) fn is_input(&self) -> bool {
        self.is_input
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.end, End::Process(stream) if stream.is_terminal())
    }

    /// What it is waited for with; `None` where it is always ready.
    pub(crate) fn source(&self) -> io::Result<Option<Borrowed<'_>>> {
        match &self.end {
            End::Process(stream) => stream.source(),
            End::Writer(_) | End::Nothing => Ok(None),
        }
    }

    pub(crate) fn read(&self, vectors: &mut Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        if !self.is_input() {
            return Err(Errno::BADF.into());
        }
        let End::Process(stream) = &self.end else { return Ok(0) };
        if self.may_not_block(cancellation) {
            self.ready(Interest::READ, cancellation)?;
        }
        loop {
            match stream.read(vectors) {
                Err(error) if self.should_wait(&error) => {
                    self.wait(Interest::READ, cancellation)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }

    pub(crate) fn write(&self, vectors: &mut Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        if self.is_input() {
            return Err(Errno::BADF.into());
        }
        if !self.may_not_block(cancellation) || !matches!(self.end, End::Process(_)) {
            return self.write_once(vectors, cancellation);
        }
        let length = vectors.length();
        let mut written = 0;
        loop {
            match self.write_piece(vectors, cancellation) {
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
    fn write_piece(&self, vectors: &mut Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        self.ready(Interest::WRITE, cancellation)?;
        let written = vectors.with_first(PIPE_ATOMIC, |piece| self.write_once(piece, cancellation))?;
        vectors.advance(written);
        Ok(written)
    }

    fn write_once(&self, vectors: &Vectors<'_>, cancellation: &Cancellation) -> Result<usize, Failure> {
        let stream = match &self.end {
            End::Process(stream) => stream,
            End::Writer(writer) => return write_all(writer, vectors),
            End::Nothing => return Err(Errno::BADF.into()),
        };
        loop {
            match stream.write(vectors) {
                Err(error) if self.should_wait(&error) => {
                    self.wait(Interest::WRITE, cancellation)?;
                }
                result => return result.map_err(|error| Errno::from(error).into()),
            }
        }
    }

    /// The descriptor itself usually blocks. Where the guest must not, or only
    /// until its time is over, readiness is asked for first.
    fn may_not_block(&self, cancellation: &Cancellation) -> bool {
        self.nonblocking || cancellation.has_end()
    }

    fn ready(&self, interest: Interest, cancellation: &Cancellation) -> Result<(), Failure> {
        if !self.nonblocking {
            return self.wait(interest, cancellation);
        }
        let Some(source) = self.source().map_err(Errno::from)? else { return Ok(()) };
        let now = Some(Duration::ZERO);
        match calls::wait_for_one(source, interest, None, now).map_err(Errno::from)? {
            Readiness::None => Err(Errno::AGAIN.into()),
            Readiness::Ready | Readiness::Failed => Ok(()),
        }
    }

    fn wait(&self, interest: Interest, cancellation: &Cancellation) -> Result<(), Failure> {
        match self.source().map_err(Errno::from)? {
            Some(source) => cancellation.wait(source, interest).map(drop),
            None => Ok(()),
        }
    }

    /// Whoever started the host may have made the descriptor non-blocking.
    fn should_wait(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock && !self.nonblocking
    }
}

fn write_all(writer: &Mutex<dyn Write + Send>, vectors: &Vectors<'_>) -> Result<usize, Failure> {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    for slice in vectors.slices() {
        writer.write_all(slice).map_err(Errno::from)?;
    }
    Ok(vectors.length())
}
