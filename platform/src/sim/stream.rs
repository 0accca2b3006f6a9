//! Streams, as the program calls them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};

use super::connection::{Connection, End, EndId, Owner, Stage};
use super::descriptors::{Listener, Object};
use super::state::State;
use crate::error::{connection_gone, exhausted};
use crate::{Address, Connect, Domain, Shutdown, SocketOption};

/// The number of Ctrl-C on every target.
const SIGINT: u8 = 2;

impl State {
    pub fn listen(&mut self, number: usize, backlog: u32) -> io::Result<()> {
        let unused = self.next_address();
        let object = self.descriptors.object(number)?;
        match object {
            Object::Listener(listener) => {
                listener.backlog_max = backlog as usize;
                return Ok(());
            }
            Object::Idle { domain: Domain::Unix, bound: None } => return Err(ErrorKind::InvalidInput.into()),
            Object::Idle { bound, .. } => {
                let address = bound.take().unwrap_or(unused);
                *object = Object::Listener(Listener {
                    address,
                    backlog: VecDeque::new(),
                    backlog_max: (backlog as usize).max(1),
                });
            }
            _ => return Err(ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    /// Takes the next connection, and says where it came from.
    pub fn accept(&mut self, number: usize) -> io::Result<(usize, Address)> {
        let is_exhausted = self.roll(self.faults.exhaust_accept);
        let is_aborted = self.roll(self.faults.abort_accept);
        let Object::Listener(listener) = self.descriptors.object(number)? else {
            return Err(ErrorKind::InvalidInput.into());
        };
        if listener.backlog.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if is_exhausted {
            return Err(exhausted(io::Error::other("simulated")));
        }
        let connection = listener.backlog.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let end = EndId { connection, side: 1 };
        if is_aborted {
            self.end(end).is_aborted = true;
            self.close_end(end);
            return Err(connection_gone(io::Error::other("simulated")));
        }
        let peer = self.end(end.peer()).address.clone();
        let accepted = self.descriptors.open(Object::Stream(end));
        let is_inherited = self.has_option(number, SocketOption::NoDelay);
        self.set_option(accepted, SocketOption::NoDelay, is_inherited);
        Ok((accepted, peer))
    }

    /// A connection on its way from `owner` to `to`.
    pub fn start_connection(&mut self, owner: Owner, from: Address, to: &Address) -> usize {
        let ends = [End::new(owner, from), End::new(Owner::Program, to.clone())];
        self.connections.push(Connection { stage: Stage::Connecting, ends, turn: None });
        self.connections.len() - 1
    }

    pub fn connect(&mut self, number: usize, to: &Address) -> io::Result<Connect> {
        let unused = self.next_address();
        let object = self.descriptors.object(number)?;
        let from = match object {
            Object::Datagram(_) => return self.connect_datagram(number, to).map(|()| Connect::Done),
            Object::Idle { domain, bound } if *domain == Domain::of(to) => match domain {
                Domain::Unix => bound.take().unwrap_or(Address::Unix(Default::default())),
                _ => bound.take().unwrap_or(unused),
            },
            _ => return Err(ErrorKind::InvalidInput.into()),
        };
        let connection = self.start_connection(Owner::Program, from, to);
        let end = EndId { connection, side: 0 };
        *self.descriptors.object(number)? = Object::Stream(end);
        if Domain::of(to) != Domain::Unix {
            self.wake(connection);
            return Ok(Connect::Pending);
        }
        // Within one machine a connect is done when the call returns.
        self.turn(connection);
        match self.end(end).error.take() {
            Some(_) => Err(ErrorKind::ConnectionRefused.into()),
            None => Ok(Connect::Done),
        }
    }

    pub fn connect_result(&mut self, number: usize) -> io::Result<()> {
        let Object::Stream(end) = *self.descriptors.object(number)? else { return Ok(()) };
        match self.end(end).error.take() {
            Some(error) => Err(error.into()),
            None if self.connections[end.connection].stage == Stage::Connecting => Err(ErrorKind::WouldBlock.into()),
            None => Ok(()),
        }
    }

    pub fn recv(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let id = match self.descriptors.object(number)? {
            Object::Stream(end) => *end,
            Object::Datagram(_) => return self.receive_datagram(number, buffer).map(|(length, _)| length),
            Object::StandardInput => return Ok(0),
            Object::Signals { is_asked_to_end } => return take_signal(is_asked_to_end, buffer),
            _ => return Err(ErrorKind::NotConnected.into()),
        };
        let arrived = self.end(id).incoming.len();
        if arrived > 0 {
            let length = self.some_of(arrived.min(buffer.len()), self.faults.partial_recv);
            let incoming = &mut self.end(id).incoming;
            for (to, from) in buffer.iter_mut().zip(incoming.drain(..length)) {
                *to = from;
            }
            let peer = self.end(id.peer());
            if !peer.outgoing.is_empty() {
                self.wake(id.connection);
            }
            return Ok(length);
        }
        let end = self.end(id);
        match end.error.take() {
            Some(error) => Err(error.into()),
            None if end.is_readable() => Ok(0),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    pub fn send(&mut self, number: usize, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let id = match self.descriptors.object(number)? {
            Object::Stream(end) => *end,
            Object::Datagram(_) => return self.send_datagram(number, &joined(buffers), None),
            // A kernel's word for an idle socket.
            Object::Idle { .. } => return Err(ErrorKind::BrokenPipe.into()),
            _ => return Err(ErrorKind::NotConnected.into()),
        };
        let has_no_progress = self.roll(self.faults.zero_send);
        let is_connecting = self.connections[id.connection].stage == Stage::Connecting;
        let end = self.end(id);
        if let Some(error) = end.error.take() {
            return Err(error.into());
        }
        if end.is_broken || end.is_write_shut {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let offered = buffers.iter().map(|bytes| bytes.len()).sum::<usize>();
        let length = offered.min(end.outgoing_room());
        if is_connecting || has_no_progress || (length == 0 && offered > 0) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = self.some_of(length, self.faults.partial_send);
        self.end(id).outgoing.extend(buffers.iter().flat_map(|bytes| bytes.iter()).take(length));
        self.wake(id.connection);
        Ok(length)
    }

    pub fn shutdown(&mut self, number: usize, how: Shutdown) -> io::Result<()> {
        let id = match self.descriptors.object(number)? {
            Object::Stream(id) => *id,
            // Nobody hears of it.
            Object::Datagram(socket) if socket.peer.is_some() => return Ok(()),
            _ => return Err(ErrorKind::NotConnected.into()),
        };
        let is_established = self.connections[id.connection].stage == Stage::Established;
        let end = self.end(id);
        if !is_established || end.is_broken {
            return Err(ErrorKind::NotConnected.into());
        }
        end.is_read_shut |= how != Shutdown::Write;
        if how != Shutdown::Read {
            end.is_write_shut = true;
            self.wake(id.connection);
        }
        Ok(())
    }

    /// How many bytes wait for room at the other end.
    pub fn unsent(&mut self, number: usize) -> io::Result<usize> {
        match *self.descriptors.object(number)? {
            Object::Stream(id) => Ok(self.connections[id.connection].ends[id.side].outgoing.len()),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Whether a read and a write are worth a try.
    pub fn readiness(&self, number: usize) -> (bool, bool) {
        let Some(open) = self.descriptors.get(number) else { return (false, false) };
        match &open.object {
            // A kernel hangs up on who waits for a socket that does nothing.
            Object::Idle { .. } => (true, true),
            Object::Listener(listener) => (!listener.backlog.is_empty(), false),
            Object::Datagram(socket) => (socket.is_readable(), true),
            Object::StandardInput => (true, false),
            Object::Signals { is_asked_to_end } => (*is_asked_to_end, false),
            Object::Stream(id) => {
                let connection = &self.connections[id.connection];
                let end = &connection.ends[id.side];
                match connection.stage {
                    Stage::Connecting => (false, false),
                    _ => (end.is_readable(), end.is_writable()),
                }
            }
        }
    }
}

/// All of the buffers, for a message.
fn joined(buffers: &[IoSlice<'_>]) -> Vec<u8> {
    buffers.iter().flat_map(|bytes| bytes.iter().copied()).collect()
}

/// Reads the word of the outside, a byte as from a host.
fn take_signal(is_asked_to_end: &mut bool, buffer: &mut [u8]) -> io::Result<usize> {
    if !std::mem::take(is_asked_to_end) {
        return Err(ErrorKind::WouldBlock.into());
    }
    buffer.iter_mut().take(1).for_each(|byte| *byte = SIGINT);
    Ok(buffer.len().min(1))
}
