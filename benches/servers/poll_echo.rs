//! Sends every byte back, with nothing but the standard library and poll(2); as a guest of preview2, whose libc makes all
//! that the host is asked for anew in every wait.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use connection::{BUFFER_LENGTH, Connection, Next};

mod connection;
mod listen;

/// The listener's entry is the first, and each connection's is one further than the connection.
struct Server {
    listener: TcpListener,
    connections: Vec<Connection<TcpStream>>,
    entries: Vec<libc::pollfd>,
}

fn main() -> io::Result<()> {
    let listener = listen::listen("poll_echo")?;
    let entries = vec![entry(&listener)];
    let mut server = Server { listener, connections: Vec::new(), entries };
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        server.wait()?;
        // From the last to the first, so that one that goes only moves one that has had its turn.
        for index in (0..server.connections.len()).rev() {
            if server.entries[index + 1].revents != 0 {
                server.serve(index, &mut buffer);
            }
        }
        if server.entries[0].revents != 0 {
            server.accept()?;
        }
    }
}

impl Server {
    fn wait(&mut self) -> io::Result<()> {
        let count = libc::nfds_t::try_from(self.entries.len()).map_err(io::Error::other)?;
        // SAFETY: the entries are so many, and nothing else has them during the call.
        match unsafe { libc::poll(self.entries.as_mut_ptr(), count, -1) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.entries.push(entry(&stream));
            self.connections.push(Connection::new(stream));
        }
        Ok(())
    }

    fn serve(&mut self, index: usize, buffer: &mut [u8]) {
        match self.connections[index].echo(buffer) {
            Next::Nothing => {
                self.connections.swap_remove(index);
                self.entries.swap_remove(index + 1);
            }
            Next::Room => self.entries[index + 1].events = libc::POLLOUT,
            Next::Bytes | Next::Again => self.entries[index + 1].events = libc::POLLIN,
        }
    }
}

fn entry(socket: &impl AsRawFd) -> libc::pollfd {
    libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}
