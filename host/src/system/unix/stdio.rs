//! A standard stream: a descriptor like any other.

use crate::memory::Vectors;
use crate::system::calls;
use selectio_platform::for_hosts::Borrowed;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

pub(crate) enum Stream {
    Input(io::Stdin),
    Output(io::Stdout),
    Error(io::Stderr),
}

impl Stream {
    /// The three, in the order of their numbers.
    pub(crate) fn all() -> [Stream; 3] {
        [Stream::Input(io::stdin()), Stream::Output(io::stdout()), Stream::Error(io::stderr())]
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.fd().is_terminal()
    }

    /// What it is waited for with; `None` where it is always ready.
    pub(crate) fn source(&self) -> io::Result<Option<Borrowed<'_>>> {
        Ok(Some(self.fd()))
    }

    pub(crate) fn read(&self, vectors: &mut Vectors<'_>) -> io::Result<usize> {
        calls::read(self.fd(), vectors)
    }

    pub(crate) fn write(&self, vectors: &Vectors<'_>) -> io::Result<usize> {
        calls::write(self.fd(), vectors)
    }

    fn fd(&self) -> Borrowed<'_> {
        match self {
            Stream::Input(input) => input.as_fd(),
            Stream::Output(output) => output.as_fd(),
            Stream::Error(error) => error.as_fd(),
        }
    }
}
