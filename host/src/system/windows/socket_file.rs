//! Unix sockets, which have a file: not on this system.

use selectio_platform::for_hosts::Owned;
use std::io;
use std::path::Path;

/// There is none.
#[derive(Clone, Debug)]
pub enum SocketFile {}

impl SocketFile {
    /// Always refused.
    pub(crate) fn bind(_path: &Path) -> io::Result<(Owned, SocketFile)> {
        let text = "Windows has no Unix sockets that can be waited for; use --tcplisten 127.0.0.1:0";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match *self {}
    }

    /// Removes it.
    pub fn remove(&self) {
        match *self {}
    }
}
