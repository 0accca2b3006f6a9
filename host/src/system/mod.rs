//! What differs between the systems that this host runs on. Each has a folder with files of the same names.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub(crate) mod readiness;

#[cfg(unix)]
pub(crate) use unix::{calls, errors, inherit, new_socket, socket_file, stdio, vector};
#[cfg(windows)]
pub(crate) use windows::{calls, errors, inherit, new_socket, socket_file, stdio, vector};
