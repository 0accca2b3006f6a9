//! Datagrams.
//!
//! The host has a socket, and once that is bound two streams of datagrams, to and from everybody or one peer.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;

use wasip2::io::poll::Pollable;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily};
use wasip2::sockets::udp::{IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket};
use wasip2::sockets::udp_create_socket::create_udp_socket;

use super::resource::{self, Direction};
use super::{addresses, errors};

pub struct Udp {
    /// Before the socket that they were made of.
    streams: RefCell<Option<Streams>>,
    pub socket: UdpSocket,
    pub family: IpAddressFamily,
}

/// The pollables go before the streams that they were made of.
struct Streams {
    readable: OnceCell<Pollable>,
    writable: OnceCell<Pollable>,
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
}

impl Streams {
    fn pollable(&self, direction: Direction) -> &Pollable {
        match direction {
            Direction::Read => self.readable.get_or_init(|| self.incoming.subscribe()),
            Direction::Write => self.writable.get_or_init(|| self.outgoing.subscribe()),
        }
    }
}

impl Udp {
    pub fn new(family: IpAddressFamily) -> io::Result<Udp> {
        let socket = create_udp_socket(family).map_err(errors::to_error)?;
        Ok(Udp { streams: RefCell::new(None), socket, family })
    }

    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        addresses::with_network(|network| self.socket.start_bind(network, addresses::to_wasi(address)))
            .map_err(errors::to_error)?;
        loop {
            match self.socket.finish_bind() {
                Err(ErrorCode::WouldBlock) => self.socket.subscribe().block(),
                done => break done.map_err(errors::to_error)?,
            }
        }
        self.open(None)
    }

    /// From now on there is one peer.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.ensure_bound()?;
        self.open(Some(addresses::destination(address)))
    }

    /// Opens the streams, in place of those that are open.
    fn open(&self, peer: Option<SocketAddr>) -> io::Result<()> {
        let mut streams = self.streams.borrow_mut();
        *streams = None;
        let opened = self.socket.stream(peer.map(addresses::to_wasi));
        let (incoming, outgoing) = opened.map_err(errors::to_error)?;
        resource::note_change();
        *streams = Some(Streams { readable: OnceCell::new(), writable: OnceCell::new(), incoming, outgoing });
        Ok(())
    }

    /// Gives it a port of the host's choosing, as a kernel does before it sends something.
    fn ensure_bound(&self) -> io::Result<()> {
        if self.streams.borrow().is_some() {
            return Ok(());
        }
        self.bind(addresses::unspecified(self.family))
    }

    /// One datagram, as far as it fits, and its sender.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let streams = self.streams.borrow();
        let Some(streams) = &*streams else { return Err(io::ErrorKind::WouldBlock.into()) };
        let received = streams.incoming.receive(1).map_err(errors::to_error)?;
        let Some(datagram) = received.first() else { return Err(io::ErrorKind::WouldBlock.into()) };
        let length = datagram.data.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram.data[..length]);
        Ok((length, addresses::from_wasi(datagram.remote_address)))
    }

    /// Sends one datagram, to the one peer when no other is named.
    pub fn send(&self, data: Vec<u8>, to: Option<SocketAddr>) -> io::Result<usize> {
        if to.is_some() {
            self.ensure_bound()?;
        }
        let streams = self.streams.borrow();
        let Some(streams) = &*streams else { return Err(errors::not_connected()) };
        let failed = |code| match code {
            ErrorCode::InvalidArgument if to.is_none() => errors::not_connected(),
            ErrorCode::InvalidArgument if self.peer_addr().is_ok() => errors::has_a_peer(),
            code => errors::to_error(code),
        };
        let length = data.len();
        if streams.outgoing.check_send().map_err(failed)? == 0 {
            // The one before is still on its way out of the host, which takes one at a time: a new socket hears only in a
            // turn of the host's own that it can send at all, and so does one that has sent a hundred since the last wait.
            // No peer has a part in this wait.
            streams.pollable(Direction::Write).block();
            if streams.outgoing.check_send().map_err(failed)? == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        let remote_address = to.map(|address| addresses::to_wasi(addresses::destination(address)));
        match streams.outgoing.send(&[OutgoingDatagram { data, remote_address }]).map_err(failed)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(length),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        addresses::local(self.socket.local_address(), self.family)
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        addresses::peer(self.socket.remote_address())
    }

    pub fn pollable(&self, direction: Direction) -> Option<u32> {
        let streams = self.streams.borrow();
        streams.as_ref().map(|streams| streams.pollable(direction).handle())
    }
}
