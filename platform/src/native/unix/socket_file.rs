//! The file of a Unix listener: made by bind, and by nobody removed unless somebody takes care.

use std::any::Any;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::SockAddr;

use crate::error::{explained, explained_as, path_in_use};
use crate::native::sockets;
use crate::{Address, Descriptor, Domain, Type};

/// The family of Unix sockets.
pub fn domain() -> io::Result<socket2::Domain> {
    Ok(socket2::Domain::UNIX)
}

pub fn address(path: &Path) -> io::Result<SockAddr> {
    SockAddr::unix(path)
}

/// Empty for a socket without a name.
pub fn path_of(address: &SockAddr) -> PathBuf {
    address.as_pathname().map(PathBuf::from).unwrap_or_default()
}

/// Removes the file when it is dropped, if it is still the one that was made.
struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode. No other file gets them as long as the socket is open, because a bound socket holds its file.
type Identity = (u64, u64);

/// Binds, and replaces a file that a listener left which is gone: a process that is killed leaves one.
pub fn bind(socket: &Descriptor, path: &Path) -> io::Result<Box<dyn Any>> {
    let (socket, address) = (sockets::borrow(socket)?, sockets::to_sock_addr(&path.into())?);
    // The working directory may be another one when the file is removed.
    let absolute = std::path::absolute(path)?;
    if let Err(error) = socket.bind(&address) {
        if error.raw_os_error() != Some(libc::EADDRINUSE) {
            return Err(error);
        }
        make_way(path, error)?;
        socket.bind(&address)?;
    }
    // An address of Linux's abstract namespace has no file.
    let made = fs::symlink_metadata(&absolute).ok();
    Ok(Box::new(made.map(|made| SocketFile { path: absolute, identity: identity(&made) })))
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
        return Err(explained(path_in_use(path), error));
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;
    use crate::Platform;
    use crate::native::Native;

    /// A folder of its own, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("selectio-{}-{name}", std::process::id()));
            fs::create_dir(&folder).expect("the temporary folder can be written to");
            Folder(folder)
        }

        fn socket(&self) -> PathBuf {
            self.0.join("socket")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("it is this test's own");
        }
    }

    fn listen(path: &Path) -> io::Result<(Descriptor, Box<dyn Any>)> {
        let socket = sockets::socket(Domain::Unix, Type::Stream, None)?;
        let file = bind(&socket, path)?;
        Native.listen(&socket, 1)?;
        Ok((socket, file))
    }

    fn refusal(path: &Path) -> io::ErrorKind {
        let error = listen(path).expect_err("it is taken");
        assert_eq!(crate::raw_os_error(&error), Some(libc::EADDRINUSE), "what bind said stays: {error}");
        error.kind()
    }

    #[test]
    fn the_file_lives_as_long_as_the_answer() {
        let folder = Folder::new("lives");
        let (_listener, file) = listen(&folder.socket()).expect("nothing is there");
        UnixStream::connect(folder.socket()).expect("it listens");
        drop(file);
        assert!(!folder.socket().exists());
    }

    #[test]
    fn what_a_listener_left_is_replaced() {
        let folder = Folder::new("left");
        drop(UnixListener::bind(folder.socket()).expect("nothing is there"));
        assert!(folder.socket().exists(), "nobody has removed it");
        let (_listener, _file) = listen(&folder.socket()).expect("it is replaced");
        UnixStream::connect(folder.socket()).expect("it listens");
    }

    #[test]
    fn a_live_listener_keeps_its_file_even_when_it_is_full() {
        let folder = Folder::new("live");
        let (listener, _file) = listen(&folder.socket()).expect("nothing is there");
        assert_eq!(refusal(&folder.socket()), io::ErrorKind::AddrInUse);
        let mut waiting = Vec::new();
        let full = loop {
            let client = sockets::socket(Domain::Unix, Type::Stream, None).expect("a socket");
            match sockets::connect(&client, &folder.socket().into()) {
                Ok(_) => waiting.push(client),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(refusal(&folder.socket()), io::ErrorKind::AddrInUse);
        Native.accept(&listener).expect("it still listens");
    }

    #[test]
    fn a_socket_of_another_type_is_alive_too() {
        let folder = Folder::new("datagram");
        let _socket = UnixDatagram::bind(folder.socket()).expect("nothing is there");
        assert_eq!(refusal(&folder.socket()), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn what_is_no_socket_is_never_removed() {
        let folder = Folder::new("file");
        fs::write(folder.socket(), "somebody's text").expect("the folder can be written to");
        assert_eq!(refusal(&folder.socket()), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(folder.socket()).expect("it is there"), "somebody's text");
        fs::rename(folder.socket(), folder.0.join("text")).expect("it is there");
        std::os::unix::fs::symlink("text", folder.socket()).expect("nothing is there");
        assert_eq!(refusal(&folder.socket()), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_that_another_one_made_stays() {
        let folder = Folder::new("another");
        let (_first, first_file) = listen(&folder.socket()).expect("nothing is there");
        fs::remove_file(folder.socket()).expect("it is there");
        let (_second, second_file) = listen(&folder.socket()).expect("nothing is there");
        drop(first_file);
        UnixStream::connect(folder.socket()).expect("the second one listens");
        drop(second_file);
        assert!(!folder.socket().exists());
    }
}
