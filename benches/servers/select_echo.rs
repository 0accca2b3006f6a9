//! Sends every byte back, with a select loop as a C program would have it, whose sets are wide enough for any number of
//! descriptors.

use std::ffi::c_ulong;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;

use connection::{BUFFER_LENGTH, Connection, Next};

mod connection;
mod listen;

/// A set of descriptors in the kernel's layout. The kernel takes sets of any width; only libc's type has 1,024 bits.
#[derive(Clone, Default)]
struct Set(Vec<c_ulong>);

const WORD_BITS: usize = c_ulong::BITS as usize;

impl Set {
    fn widen(&mut self, fd: usize) {
        // No narrower than libc's type, whatever that does with its pointer.
        let words = (fd / WORD_BITS + 1).max(libc::FD_SETSIZE / WORD_BITS);
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
    }

    fn put(&mut self, fd: usize, is_in: bool) {
        let bit = 1 << (fd % WORD_BITS);
        if is_in {
            self.0[fd / WORD_BITS] |= bit;
        } else {
            self.0[fd / WORD_BITS] &= !bit;
        }
    }

    fn has(&self, fd: usize) -> bool {
        self.0[fd / WORD_BITS] >> (fd % WORD_BITS) & 1 == 1
    }
}

/// Waits until something is ready, and leaves in the sets what is; nothing when a signal has ended the wait.
fn select(count: usize, read: &mut Set, write: &mut Set) -> io::Result<()> {
    let count = i32::try_from(count).map_err(io::Error::other)?;
    let (read_bits, write_bits) = (read.0.as_mut_ptr().cast(), write.0.as_mut_ptr().cast());
    // SAFETY: both sets are at least `count` bits wide, and the kernel touches no more of them.
    if unsafe { libc::select(count, read_bits, write_bits, ptr::null_mut(), ptr::null_mut()) } >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() != io::ErrorKind::Interrupted {
        return Err(error);
    }
    read.0.fill(0);
    write.0.fill(0);
    Ok(())
}

#[derive(Default)]
struct Server {
    /// By descriptor.
    connections: Vec<Option<Connection<TcpStream>>>,
    read: Set,
    write: Set,
}

fn main() -> io::Result<()> {
    let listener = listen::listen("select_echo")?;
    let mut server = Server::default();
    let listening = server.watch(&listener);
    let (mut readable, mut writable) = (Set::default(), Set::default());
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        readable.0.clone_from(&server.read.0);
        writable.0.clone_from(&server.write.0);
        let count = server.connections.len();
        select(count, &mut readable, &mut writable)?;
        for fd in 0..count {
            if readable.has(fd) || writable.has(fd) {
                if fd == listening {
                    server.accept(&listener)?;
                } else {
                    server.serve(fd, &mut buffer);
                }
            }
        }
    }
}

impl Server {
    fn watch(&mut self, what: &impl AsRawFd) -> usize {
        let fd = what.as_raw_fd().cast_unsigned() as usize;
        if self.connections.len() <= fd {
            self.connections.resize_with(fd + 1, || None);
        }
        self.read.widen(fd);
        self.write.widen(fd);
        self.read.put(fd, true);
        fd
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let fd = self.watch(&stream);
            self.connections[fd] = Some(Connection::new(stream));
        }
        Ok(())
    }

    fn serve(&mut self, fd: usize, buffer: &mut [u8]) {
        let Some(connection) = &mut self.connections[fd] else { return };
        let next = connection.echo(buffer);
        self.read.put(fd, matches!(next, Next::Bytes | Next::Again));
        self.write.put(fd, next == Next::Room);
        if next == Next::Nothing {
            self.connections[fd] = None;
        }
    }
}
