//! The guest's descriptor numbers, and what each one stands for.

use crate::errno::Errno;
use crate::shutdown::{Channel, SHUTDOWN_FD};
use crate::socket::Socket;
use crate::stdio::Stdio;
use selectio_platform::for_hosts::Borrowed;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;

/// What a descriptor number of the guest stands for.
pub(crate) enum Descriptor {
    /// A listener or a connected stream, served here.
    Socket(Socket),
    /// Standard input, output or error: the process's own, served here.
    Stdio(Stdio),
    /// A directory or a file, under its number in `wasmtime-wasi`'s own table.
    File(u32),
    /// What tells that the guest shall end, served here.
    Shutdown(Arc<Channel>),
}

impl Descriptor {
    /// What it is waited for with; `None` for what is always ready.
    pub(crate) fn source(&self) -> io::Result<Option<Borrowed<'_>>> {
        match self {
            Descriptor::Socket(socket) => Ok(Some(socket.borrow())),
            Descriptor::Stdio(stdio) => stdio.source(),
            Descriptor::Shutdown(request) => Ok(Some(request.borrow())),
            Descriptor::File(_) => Ok(None),
        }
    }
}

/// The table: one number space for sockets, standard streams and files, the
/// lowest free number first, as POSIX has it.
pub(crate) struct Descriptors {
    entries: Vec<Option<Descriptor>>,
    /// What [`SHUTDOWN_FD`] stands for; the entries never reach that number.
    shutdown: Option<Descriptor>,
    /// The numbers below the end of `entries` that stand for nothing, the lowest first.
    free: BinaryHeap<Reverse<u32>>,
    sockets: usize,
    sockets_max: usize,
    /// The first number that no preopened directory has or precedes.
    directories_end: u32,
}

impl Descriptors {
    /// A table that nothing is in yet.
    pub(crate) fn new(sockets_max: usize, shutdown: Option<Arc<Channel>>) -> Descriptors {
        Descriptors {
            entries: Vec::new(),
            shutdown: shutdown.map(Descriptor::Shutdown),
            free: BinaryHeap::new(),
            sockets: 0,
            sockets_max,
            directories_end: 0,
        }
    }

    /// What a guest finds when it starts: numbers 0 to 2 are the standard streams, then come the sockets, then the
    /// directories, which have the numbers from 3 on in the inner table.
    ///
    /// Sockets come first because `LISTEN_FDS` promises them from 3 on.
    pub(crate) fn insert_preopens(&mut self, streams: [Stdio; 3], sockets: Vec<Socket>, directories: u32) {
        let streams = streams.into_iter().map(Descriptor::Stdio);
        let sockets = sockets.into_iter().map(Descriptor::Socket);
        let directories_inner = (3..3 + directories).map(Descriptor::File);
        for descriptor in streams.chain(sockets).chain(directories_inner) {
            self.insert(descriptor);
        }
        if directories > 0 {
            self.directories_end = self.entries.len() as u32;
        }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        let reserved = if fd == SHUTDOWN_FD { self.shutdown.as_ref() } else { None };
        self.entries.get(fd as usize).and_then(Option::as_ref).or(reserved).ok_or(Errno::BADF)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let reserved = if fd == SHUTDOWN_FD { self.shutdown.as_mut() } else { None };
        self.entries.get_mut(fd as usize).and_then(Option::as_mut).or(reserved).ok_or(Errno::BADF)
    }

    /// The socket with this number; for anything else the error that says so.
    pub(crate) fn socket(&self, fd: u32) -> Result<&Socket, Errno> {
        match self.get(fd)? {
            Descriptor::Socket(socket) => Ok(socket),
            Descriptor::Stdio(_) | Descriptor::File(_) | Descriptor::Shutdown(_) => Err(Errno::NOTSOCK),
        }
    }

    /// Gives `descriptor` the lowest free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> u32 {
        if matches!(descriptor, Descriptor::Socket(_)) {
            self.sockets += 1;
        }
        match self.free.pop() {
            Some(Reverse(number)) => {
                self.entries[number as usize] = Some(descriptor);
                number
            }
            None => {
                self.entries.push(Some(descriptor));
                self.entries.len() as u32 - 1
            }
        }
    }

    /// Takes the descriptor out, whose number is then free; not [`SHUTDOWN_FD`].
    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let entry = self.entries.get_mut(fd as usize);
        let removed = entry.and_then(Option::take).ok_or(Errno::BADF)?;
        if matches!(removed, Descriptor::Socket(_)) {
            self.sockets -= 1;
        }
        self.free.push(Reverse(fd));
        Ok(removed)
    }

    /// Whether this number was given out once, so that it is in the table.
    pub(crate) fn has_been_open(&self, fd: u32) -> bool {
        (fd as usize) < self.entries.len()
    }

    /// Moves what `from` stands for to another number, `to`, that is or was open; what that stood for comes back.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>, Errno> {
        if !self.has_been_open(to) {
            return Err(Errno::BADF);
        }
        let moved = self.entries.get_mut(from as usize);
        let moved = moved.and_then(Option::take).ok_or(Errno::BADF)?;
        let replaced = self.entries[to as usize].replace(moved);
        match replaced {
            Some(Descriptor::Socket(_)) => self.sockets -= 1,
            Some(_) => {}
            None => self.free.retain(|&Reverse(number)| number != to),
        }
        self.free.push(Reverse(from));
        Ok(replaced)
    }

    /// Whether another socket may be opened.
    pub(crate) fn room_for_socket(&self) -> Result<(), Errno> {
        if self.sockets < self.sockets_max { Ok(()) } else { Err(Errno::MFILE) }
    }

    /// Whether a scan for preopened directories has to pass over this number.
    pub(crate) fn precedes_directories(&self, fd: u32) -> bool {
        fd < self.directories_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Given;

    fn table() -> Descriptors {
        let mut table = Descriptors::new(8, None);
        table.insert_preopens(Stdio::all(&Given::default()), Vec::new(), 2);
        table
    }

    #[test]
    fn numbers_are_given_out_lowest_first() {
        let mut table = table();
        assert_eq!(table.insert(Descriptor::File(9)), 5);
        assert_eq!(table.insert(Descriptor::File(10)), 6);
        assert!(table.remove(3).is_ok());
        assert!(table.remove(5).is_ok());
        assert_eq!(table.insert(Descriptor::File(11)), 3);
        assert_eq!(table.insert(Descriptor::File(12)), 5);
        assert_eq!(table.insert(Descriptor::File(13)), 7);
    }

    #[test]
    fn renumber_frees_the_old_number_and_returns_what_was_replaced() {
        let mut table = table();
        assert!(matches!(table.renumber(3, 4), Ok(Some(Descriptor::File(4)))));
        assert!(matches!(table.get(4), Ok(Descriptor::File(3))));
        assert!(matches!(table.get(3), Err(Errno::BADF)));
        assert!(matches!(table.renumber(4, 77), Err(Errno::BADF)));
        assert!(matches!(table.get(4), Ok(Descriptor::File(3))));
        assert_eq!(table.insert(Descriptor::File(9)), 3);
    }

    #[test]
    fn a_number_that_was_freed_is_taken_by_renumber_and_not_given_out_again() {
        let mut table = table();
        assert!(table.remove(1).is_ok() && table.remove(2).is_ok());
        assert!(matches!(table.renumber(4, 2), Ok(None)));
        assert!(matches!(table.get(2), Ok(Descriptor::File(4))));
        assert_eq!(table.insert(Descriptor::File(9)), 1);
        assert_eq!(table.insert(Descriptor::File(10)), 4);
        assert_eq!(table.insert(Descriptor::File(11)), 5);
    }

    #[test]
    fn a_number_that_was_freed_and_given_out_many_times_is_free_once() {
        let mut table = table();
        for _ in 0..3 {
            for fd in [3, 4] {
                assert!(table.remove(fd).is_ok());
            }
            assert_eq!(table.insert(Descriptor::File(9)), 3);
            assert_eq!(table.insert(Descriptor::File(10)), 4);
            assert!(table.renumber(3, 4).is_ok());
            assert_eq!(table.insert(Descriptor::File(11)), 3);
        }
        assert_eq!(table.insert(Descriptor::File(12)), 5);
    }
}
