//! The outside world, as a test plays it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::connection::{EndId, Owner, Stage};
use super::descriptors::{Listener, Object};
use super::network::Network;
use crate::Address;

/// A client outside. It does as it is told, in the order of the calls; all of it takes effect when the
/// program waits.
///
/// Dropping it changes nothing for the connection.
#[derive(Debug)]
pub struct Client {
    network: Network,
    end: EndId,
}

/// How a client sees its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// The program's end of it does not exist yet.
    Connecting,
    /// Nobody listened.
    Refused,
    /// More can come.
    Open,
    /// The program has ended its stream, and everything before that was received.
    Eof,
    /// The connection was reset.
    Reset,
    /// The client itself has closed it, or a fault made it do so.
    Closed,
}

/// A listener outside, which accepts whatever the program connects.
#[derive(Debug)]
pub struct OutsideListener {
    network: Network,
    index: usize,
    address: SocketAddr,
}

impl Network {
    /// A client that connects to an address of the program.
    #[must_use]
    pub fn connect_from_outside(&self, to: SocketAddr) -> Client {
        self.start_client(to, false)
    }

    /// One that takes in nothing until it is told to, and has little room.
    #[must_use]
    pub fn connect_from_outside_paused(&self, to: SocketAddr) -> Client {
        self.start_client(to, true)
    }

    fn start_client(&self, to: SocketAddr, is_paused: bool) -> Client {
        let mut state = self.lock();
        let from = state.next_address();
        let connection = state.start_connection(Owner::Outside { is_paused }, from, &Address::Inet(to));
        state.wake(connection);
        Client { network: self.clone(), end: EndId { connection, side: 0 } }
    }

    /// A listener outside, at an address of the network's choice.
    #[must_use]
    pub fn listen_outside(&self) -> OutsideListener {
        let address = self.refusing_address();
        let listener = Listener { address: Address::Inet(address), backlog: VecDeque::new(), backlog_max: usize::MAX };
        let mut state = self.lock();
        state.outside.push(listener);
        OutsideListener { network: self.clone(), index: state.outside.len() - 1, address }
    }

    /// Asks the program to end, as somebody with Ctrl-C: every descriptor of
    /// [`Platform::signals`](crate::Platform::signals) that is open becomes readable.
    pub fn ask_to_end(&self) {
        for object in self.lock().descriptors.objects_mut() {
            if let Object::Signals { is_asked_to_end } = object {
                *is_asked_to_end = true;
            }
        }
    }

    /// An address at which nobody listens.
    #[must_use]
    pub fn refusing_address(&self) -> SocketAddr {
        let address = self.lock().next_address().inet();
        address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
    }
}

impl OutsideListener {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection of the program that nobody has asked for yet.
    #[must_use]
    pub fn accept(&self) -> Option<Client> {
        let connection = self.network.lock().outside[self.index].backlog.pop_front()?;
        Some(Client { network: self.network.clone(), end: EndId { connection, side: 1 } })
    }
}

impl Client {
    /// Sends bytes, any number of them: what the connection has no room for waits here.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut state = self.network.lock();
        let end = state.end(self.end);
        if !end.is_write_shut && !end.is_broken {
            end.outgoing.extend(bytes.as_ref());
        }
        state.wake(self.end.connection);
    }

    /// Takes in nothing from now on.
    pub fn pause(&self) {
        self.set_paused(true);
    }

    /// Takes in everything again.
    pub fn resume(&self) {
        self.set_paused(false);
    }

    fn set_paused(&self, is_paused: bool) {
        let mut state = self.network.lock();
        let end = state.end(self.end);
        if end.owner != Owner::Nobody {
            end.owner = Owner::Outside { is_paused };
            end.take_in();
        }
        state.wake(self.end.connection);
    }

    /// Ends its stream, after what it has sent.
    pub fn shutdown(&self) {
        let mut state = self.network.lock();
        state.end(self.end).is_write_shut = true;
        state.wake(self.end.connection);
    }

    /// Closes the connection, after what it has sent. With bytes that it has not taken in, the connection is
    /// reset.
    pub fn close(&self) {
        self.network.lock().close_end(self.end);
    }

    /// Resets the connection, after what it has sent as far as there is room for that.
    pub fn reset(&self) {
        let mut state = self.network.lock();
        state.end(self.end).is_aborted = true;
        state.close_end(self.end);
    }

    /// What it has taken in since this was asked last.
    #[must_use]
    pub fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.network.lock().end(self.end).taken)
    }

    /// How it sees its connection.
    #[must_use]
    pub fn state(&self) -> ClientState {
        let mut state = self.network.lock();
        let stage = state.connections[self.end.connection].stage;
        let end = state.end(self.end);
        match stage {
            _ if end.owner == Owner::Nobody => ClientState::Closed,
            Stage::Connecting => ClientState::Connecting,
            Stage::Failed => ClientState::Refused,
            Stage::Established if end.is_broken => ClientState::Reset,
            Stage::Established if end.is_ended && end.incoming.is_empty() => ClientState::Eof,
            Stage::Established => ClientState::Open,
        }
    }

    /// Its own address, which the program sees as its peer's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = self.network.lock().end(self.end).address.inet();
        address.expect("only internet addresses are connected from or to outside")
    }
}
