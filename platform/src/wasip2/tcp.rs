//! A stream over the internet, or its listener.
//!
//! The host has a socket, and once that is connected two streams of bytes. What is waited for is a pollable of the socket
//! or of a stream; it is made when it is first waited for, and kept.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;

use wasip2::io::poll::Pollable;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use super::resource::{self, Direction};
use super::stream::Stream;
use super::{addresses, closing, errors};
use crate::{Connect, Shutdown};

pub struct Tcp {
    /// Before the socket: what was made of it has to go first.
    stage: RefCell<Stage>,
    pub socket: Rc<TcpSocket>,
    pub family: IpAddressFamily,
}

enum Stage {
    Idle,
    Listening {
        incoming: Pollable,
    },
    Connecting {
        outcome: Pollable,
    },
    Connected(Stream),
    /// It could not connect, and can't be used any more. The error, until somebody has asked for it.
    Failed {
        outcome: Pollable,
        error: Option<io::Error>,
    },
    /// Its socket was left to [`closing`].
    Closed,
}

impl Tcp {
    pub fn new(family: IpAddressFamily) -> io::Result<Tcp> {
        let socket = create_tcp_socket(family).map_err(errors::to_error)?;
        Ok(Tcp { stage: RefCell::new(Stage::Idle), socket: Rc::new(socket), family })
    }

    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        addresses::with_network(|network| self.socket.start_bind(network, addresses::to_wasi(address)))
            .map_err(errors::to_error)?;
        finish(&self.socket, || self.socket.finish_bind()).map_err(errors::to_error)
    }

    pub fn listen(&self, backlog: u32) -> io::Result<()> {
        // The host takes no 0; not every one can say how many it takes.
        let _ = self.socket.set_listen_backlog_size(u64::from(backlog.max(1)));
        if self.local_addr()? == addresses::unspecified(self.family) {
            self.bind(addresses::unspecified(self.family))?;
        }
        self.socket.start_listen().map_err(errors::to_error)?;
        finish(&self.socket, || self.socket.finish_listen()).map_err(errors::to_error)?;
        self.enter(Stage::Listening { incoming: self.socket.subscribe() });
        Ok(())
    }

    pub fn accept(&self) -> io::Result<(Tcp, Option<SocketAddr>)> {
        let (socket, input, output) = self.socket.accept().map_err(errors::of_accept)?;
        let peer = socket.remote_address().ok().map(addresses::from_wasi);
        let stage = Stage::Connected(Stream::new(input, output));
        Ok((Tcp { stage: RefCell::new(stage), socket: Rc::new(socket), family: self.family }, peer))
    }

    pub fn connect(&self, address: SocketAddr) -> io::Result<Connect> {
        let destination = addresses::to_wasi(addresses::destination(address));
        addresses::with_network(|network| self.socket.start_connect(network, destination)).map_err(errors::to_error)?;
        self.enter(Stage::Connecting { outcome: self.socket.subscribe() });
        // A host may do nothing until it is asked. How it ended is told when it is asked for, however early that was.
        match self.connect_result() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                *self.stage.borrow_mut() = Stage::Failed { outcome: self.socket.subscribe(), error: Some(error) };
            }
            _ => {}
        }
        Ok(Connect::Pending)
    }

    pub fn connect_result(&self) -> io::Result<()> {
        match &mut *self.stage.borrow_mut() {
            Stage::Connecting { .. } => {}
            Stage::Failed { error, .. } => return Err(error.take().unwrap_or_else(errors::not_connected)),
            Stage::Connected(_) => return Ok(()),
            Stage::Idle | Stage::Listening { .. } | Stage::Closed => return Err(io::ErrorKind::WouldBlock.into()),
        }
        match self.socket.finish_connect() {
            Ok((input, output)) => {
                self.enter(Stage::Connected(Stream::new(input, output)));
                Ok(())
            }
            Err(ErrorCode::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(code) => {
                self.enter(Stage::Failed { outcome: self.socket.subscribe(), error: None });
                Err(errors::to_error(code))
            }
        }
    }

    /// From now on it is something else that is waited for.
    fn enter(&self, stage: Stage) {
        *self.stage.borrow_mut() = stage;
        resource::note_change();
    }

    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with_stream(|stream| stream.recv(buffer))
    }

    pub fn send(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with_stream(|stream| stream.send(buffers))
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => ShutdownType::Receive,
            Shutdown::Write => ShutdownType::Send,
            Shutdown::Both => ShutdownType::Both,
        };
        self.with_stream(|_| self.socket.shutdown(how).map_err(errors::to_error))
    }

    fn with_stream<T>(&self, call: impl FnOnce(&Stream) -> io::Result<T>) -> io::Result<T> {
        match &*self.stage.borrow() {
            Stage::Connected(stream) => call(stream),
            _ => Err(errors::not_connected()),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match *self.stage.borrow() {
            // The host says why it failed, over and over.
            Stage::Failed { .. } => Ok(addresses::unspecified(self.family)),
            _ => addresses::local(self.socket.local_address(), self.family),
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        addresses::peer(self.socket.remote_address())
    }

    /// Whether it is readable, of which the host has said so.
    pub fn confirm_readable(&self) -> bool {
        match &*self.stage.borrow() {
            Stage::Connected(stream) => stream.confirm_readable(),
            _ => true,
        }
    }

    /// Notes that the host has said that it is writable.
    pub fn note_writable(&self) {
        if let Stage::Connected(stream) = &*self.stage.borrow() {
            stream.note_room();
        }
    }

    /// Whether it is readable by what was read to confirm it.
    pub fn has_kept(&self) -> bool {
        matches!(&*self.stage.borrow(), Stage::Connected(stream) if stream.has_kept())
    }

    /// What to wait for in this direction; a listener is never ready for writing.
    pub fn pollable(&self, direction: Direction) -> Option<u32> {
        match (&*self.stage.borrow(), direction) {
            (Stage::Listening { incoming }, Direction::Read) => Some(incoming.handle()),
            (Stage::Connecting { outcome } | Stage::Failed { outcome, .. }, Direction::Write) => Some(outcome.handle()),
            (Stage::Connected(stream), direction) => Some(stream.pollable(direction).handle()),
            _ => None,
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if let Stage::Connected(stream) = std::mem::replace(self.stage.get_mut(), Stage::Closed)
            && stream.may_have_unsent()
        {
            closing::keep(stream, self.socket.clone());
        }
    }
}

/// The second half of what every host does at once, although it may take its time.
fn finish(socket: &TcpSocket, half: impl Fn() -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    loop {
        match half() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            done => return done,
        }
    }
}
