//! The file of a Unix listener.

use selectio_platform::for_hosts::Owned;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names the file of a Unix listener, to remove it when the listener is no more. Clones name the same one.
///
/// Only the very file is removed that the listener has made, and once: meanwhile another process may have put its own
/// in the place.
#[derive(Clone, Debug)]
pub struct SocketFile(Arc<Made>);

#[derive(Debug)]
struct Made {
    path: PathBuf,
    device: u64,
    inode: u64,
    is_removed: AtomicBool,
}

impl SocketFile {
    /// Binds a listener, which is non-blocking. A file that no one listens on any more is replaced:
    /// a process that is killed leaves one behind.
    pub(crate) fn bind(path: &Path) -> io::Result<(Owned, SocketFile)> {
        if path.as_os_str().is_empty() {
            // The kernel would choose a name that is no file.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path is needed, such as /tmp/app.sock"));
        }
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && abandoned(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            result => result?,
        };
        listener.set_nonblocking(true)?;
        let file = std::fs::symlink_metadata(path)?;
        let made =
            Made { path: path.to_owned(), device: file.dev(), inode: file.ino(), is_removed: AtomicBool::new(false) };
        Ok((listener.into(), SocketFile(Arc::new(made))))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Removes it, unless that was done already or another file has taken its place.
    pub fn remove(&self) {
        let made = &*self.0;
        let is_same = |file: Metadata| file.dev() == made.device && file.ino() == made.inode;
        if !made.is_removed.swap(true, Ordering::SeqCst) && std::fs::symlink_metadata(&made.path).is_ok_and(is_same) {
            // Someone may have removed it just now.
            let _ = std::fs::remove_file(&made.path);
        }
    }
}

/// Connecting to a socket without a listener is refused; to a file that is no
/// socket at all too, so that is looked at first. A listener whose backlog is
/// full is there all the same, and must not be waited for.
fn abandoned(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && connect_at_once(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn connect_at_once(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}
