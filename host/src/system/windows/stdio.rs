//! A standard stream, which may be a console, a pipe or a file: none of them can be waited for together with sockets.
//! So input comes through a socket, and output is always ready: a write takes as long as the other end does.

use crate::memory::Vectors;
use crate::system::calls;
use selectio_platform::for_hosts::{self, Borrowed, Owned};
use std::cell::OnceCell;
use std::io::{self, IsTerminal, Write};

pub(crate) enum Stream {
    /// Made when the guest asks for it: what it holds is gone for everybody else who reads standard input.
    Input(OnceCell<Owned>),
    Output(io::Stdout),
    Error(io::Stderr),
}

impl Stream {
    /// The three, in the order of their numbers.
    pub(crate) fn all() -> [Stream; 3] {
        [Stream::Input(OnceCell::new()), Stream::Output(io::stdout()), Stream::Error(io::stderr())]
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Stream::Input(_) => io::stdin().is_terminal(),
            Stream::Output(output) => output.is_terminal(),
            Stream::Error(error) => error.is_terminal(),
        }
    }

    /// What it is waited for with; `None` where it is always ready.
    pub(crate) fn source(&self) -> io::Result<Option<Borrowed<'_>>> {
        match self {
            Stream::Input(relayed) => open(relayed).map(Some),
            Stream::Output(_) | Stream::Error(_) => Ok(None),
        }
    }

    pub(crate) fn read(&self, vectors: &mut Vectors<'_>) -> io::Result<usize> {
        match self {
            Stream::Input(relayed) => calls::read(open(relayed)?, vectors),
            Stream::Output(_) | Stream::Error(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(crate) fn write(&self, vectors: &Vectors<'_>) -> io::Result<usize> {
        match self {
            Stream::Input(_) => Err(io::ErrorKind::Unsupported.into()),
            Stream::Output(output) => write_all(output.lock(), vectors),
            Stream::Error(error) => write_all(error.lock(), vectors),
        }
    }
}

fn open(relayed: &OnceCell<Owned>) -> io::Result<Borrowed<'_>> {
    let socket = match relayed.get() {
        Some(socket) => socket,
        None => {
            let opened = for_hosts::stdin()?;
            relayed.get_or_init(|| opened)
        }
    };
    Ok(calls::borrow(socket))
}

/// By the standard library, which knows what a console wants, and keeps nothing back then.
fn write_all(mut to: impl Write, vectors: &Vectors<'_>) -> io::Result<usize> {
    for slice in vectors.slices() {
        to.write_all(slice)?;
    }
    to.flush()?;
    Ok(vectors.length())
}
