//! The file of a Unix listener: made by bind, and by nobody removed unless somebody takes care.

use std::any::Any;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::sockets;
use super::{Address, Descriptor, Domain, Type};
use crate::{explained, explained_as};

/// Removes the file when it is dropped, if it is still the one that was made.
struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode. No other file gets them as long as the socket is open.
type Identity = (u64, u64);

/// Binds, and replaces a file that a listener left which is gone: a process that is killed leaves one.
pub fn bind(socket: &Descriptor, path: &Path) -> io::Result<Box<dyn Any>> {
    let (socket, address) = (sockets::borrow(socket)?, sockets::to_sock_addr(&path.into())?);
    if let Err(error) = socket.bind(&address) {
        if error.raw_os_error() != Some(libc::EADDRINUSE) {
            return Err(error);
        }
        make_way(path, error)?;
        socket.bind(&address)?;
    }
    // The directory may be another one when the file is removed.
    let path = std::path::absolute(path)?;
    // An address of Linux's abstract namespace has no file.
    let made = fs::symlink_metadata(&path).ok();
    Ok(Box::new(made.map(|made| SocketFile { path, identity: identity(&made) })))
}

/// Removes what is at `path` if it is the socket of a listener that is gone. `error` is what bind said.
fn make_way(path: &Path, error: io::Error) -> io::Result<()> {
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        // Gone since: that is way enough.
        Err(_) => return Ok(()),
    };
    if !found.file_type().is_socket() {
        let text = format!("bind: {shown} is there and is no socket: remove it yourself, or choose another path");
        return Err(explained_as(io::ErrorKind::AlreadyExists, text, error));
    }
    if !is_abandoned(path) {
        let text = format!("bind: somebody has the socket {shown} open: stop that program, or choose another path");
        return Err(explained(text, error));
    }
    // Somebody else may have replaced it while it was looked at.
    let is_same = fs::symlink_metadata(path).is_ok_and(|now| identity(&now) == identity(&found));
    if is_same {
        fs::remove_file(path).map_err(|error| {
            let text = format!("bind: the listener of {shown} is gone, but its file can't be removed: {error}");
            explained(text, error)
        })?;
    }
    Ok(())
}

/// Only a socket that nobody has open refuses. One that is not sure to be so (it accepted; its backlog is full,
/// which is EAGAIN; it is of another type; it may not be asked) is not taken away from anybody.
fn is_abandoned(path: &Path) -> bool {
    let probe = sockets::socket(Domain::Unix, Type::Stream, None);
    let refused = |error: io::Error| error.raw_os_error() == Some(libc::ECONNREFUSED);
    probe.is_ok_and(|probe| sockets::connect(&probe, &Address::from(path)).is_err_and(refused))
}

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity);
        if is_ours {
            // Without the right to do so it stays, which the next bind puts up with.
            let _ = fs::remove_file(&self.path);
        }
    }
}
