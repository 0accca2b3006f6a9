//! The file of a Unix listener.

use selectio_platform::for_hosts::Owned;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Removes the file when the listener is no more.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl SocketFile {
    /// Binds a listener, which is non-blocking. A file that no one listens on any more is replaced:
    /// a process that is killed leaves one behind.
    pub(crate) fn bind(path: &Path) -> io::Result<(Owned, SocketFile)> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && abandoned(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            result => result?,
        };
        let file = SocketFile(path.to_owned());
        listener.set_nonblocking(true)?;
        Ok((listener.into(), file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Someone may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Connecting to a socket without a listener is refused; to a file that is no
/// socket at all too, so that is looked at first.
fn abandoned(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}
