//! Sends every byte back, with a level-triggered epoll loop as a C program would have it.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use connection::{BUFFER_LENGTH, Connection, Next};

mod connection;
mod listen;

const EVENTS_MAX: usize = 1024;

/// What is watched; each descriptor's number is its key.
struct Epoll(OwnedFd);

impl Epoll {
    fn new() -> io::Result<Epoll> {
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn control(&self, operation: i32, fd: RawFd, events: i32) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: u64::from(fd.cast_unsigned()) };
        // SAFETY: the event outlives the call, which only reads it.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    /// Waits until something is ready; a signal ends the wait with nothing.
    fn wait(&self, events: &mut [libc::epoll_event]) -> io::Result<usize> {
        let count_max = i32::try_from(events.len()).unwrap_or(i32::MAX);
        // SAFETY: the kernel fills in no more events than there is room for.
        match check(unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), count_max, -1) }) {
            Ok(count) => Ok(count.cast_unsigned() as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }
}

fn check(answer: i32) -> io::Result<i32> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn main() -> io::Result<()> {
    let listener = listen::listen("epoll_echo")?;
    let epoll = Epoll::new()?;
    epoll.control(libc::EPOLL_CTL_ADD, listener.as_raw_fd(), libc::EPOLLIN)?;
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
    let mut connections: Vec<Option<Connection<TcpStream>>> = Vec::new();
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        let count = epoll.wait(&mut events)?;
        for event in &events[..count] {
            let index = usize::try_from(event.u64).map_err(io::Error::other)?;
            match connections.get_mut(index) {
                Some(slot @ Some(_)) => serve(&epoll, slot, event.events.cast_signed(), &mut buffer)?,
                _ => accept(&epoll, &listener, &mut connections)?,
            }
        }
    }
}

fn serve(epoll: &Epoll, slot: &mut Option<Connection<TcpStream>>, events: i32, buffer: &mut [u8]) -> io::Result<()> {
    let Some(connection) = slot else { return Ok(()) };
    let fd = connection.stream.as_raw_fd();
    let was_writing = events & libc::EPOLLOUT != 0;
    match connection.echo(buffer) {
        // Closing it also ends the watch.
        Next::Nothing => *slot = None,
        Next::Room if !was_writing => epoll.control(libc::EPOLL_CTL_MOD, fd, libc::EPOLLOUT)?,
        Next::Bytes | Next::Again if was_writing => epoll.control(libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN)?,
        Next::Bytes | Next::Again | Next::Room => {}
    }
    Ok(())
}

fn accept(
    epoll: &Epoll,
    listener: &TcpListener,
    connections: &mut Vec<Option<Connection<TcpStream>>>,
) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let fd = stream.as_raw_fd();
        epoll.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN)?;
        let index = fd.cast_unsigned() as usize;
        if connections.len() <= index {
            connections.resize_with(index + 1, || None);
        }
        connections[index] = Some(Connection::new(stream));
    }
    Ok(())
}
