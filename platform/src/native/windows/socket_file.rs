//! Unix sockets, which have a path: not on this system, where they are streams only, and not in all versions of it.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr};

use crate::Descriptor;
use crate::error::unsupported;

const REMEDY: &str = "listen on a loopback address, such as 127.0.0.1:0";

pub fn domain() -> io::Result<Domain> {
    Err(unsupported("a Unix socket", "Windows", REMEDY))
}

pub fn bind(_socket: &Descriptor, _path: &Path) -> io::Result<Box<dyn Any>> {
    Err(unsupported("binding a path", "Windows", REMEDY))
}

pub fn address(_path: &Path) -> io::Result<SockAddr> {
    Err(unsupported("a path as an address", "Windows", REMEDY))
}

pub fn path_of(_address: &SockAddr) -> PathBuf {
    PathBuf::new()
}
