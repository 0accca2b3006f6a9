//! The outside world of a simulated network.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use selectio::sim::{self, ClientState, Entered, Network, OutsideListener};
use selectio_platform::{Platform, this_target};

use crate::support::pattern::{checksum_of, pattern_byte, pattern_checksum};
use crate::support::{Received, State};

/// So much of what a client receives is kept as it is.
const KEPT_LENGTH_MAX: usize = 64 * 1024;

thread_local! {
    /// The tests of a thread run in one network, one after another.
    static INSIDE: (Network, Entered) = {
        let network = Network::new(0);
        let inside = network.enter();
        (network, inside)
    };
}

fn network() -> Network {
    INSIDE.with(|(network, _)| network.clone())
}

/// The world that this test is in.
pub fn platform() -> Rc<dyn Platform> {
    network();
    this_target()
}

/// Plays the clients of one test.
pub struct Peer {
    network: Network,
    target: RefCell<Option<SocketAddr>>,
    listeners: RefCell<Vec<OutsideListener>>,
}

/// One client outside.
pub struct Client {
    client: sim::Client,
    seen: RefCell<Received>,
}

impl Peer {
    pub fn start() -> Rc<Peer> {
        Rc::new(Peer { network: network(), target: RefCell::default(), listeners: RefCell::default() })
    }

    pub fn set_target(&self, address: &str) {
        *self.target.borrow_mut() = Some(address.parse().expect("an address"));
    }

    fn target(&self) -> SocketAddr {
        self.target.borrow().expect("a listener")
    }

    pub fn connect(&self) -> Client {
        Client::new(self.network.connect_from_outside(self.target()))
    }

    pub fn connect_paused(&self) -> Client {
        Client::new(self.network.connect_from_outside_paused(self.target()))
    }

    pub fn connect_many(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.connect()).collect()
    }

    pub fn listen(&self) -> String {
        let listener = self.network.listen_outside();
        let address = listener.address().to_string();
        self.listeners.borrow_mut().push(listener);
        address
    }

    pub fn listen_closed(&self) -> String {
        self.network.refusing_address().to_string()
    }

    pub fn accepted(&self) -> Option<Client> {
        self.listeners.borrow().iter().find_map(OutsideListener::accept).map(Client::new)
    }
}

impl Client {
    fn new(client: sim::Client) -> Client {
        let (state, bytes) = (State::Connecting, Vec::new());
        let seen = Received { length: 0, checksum: pattern_checksum(0, 0), state, bytes };
        Client { client, seen: RefCell::new(seen) }
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.client.send(bytes);
    }

    pub fn burst(&self, length: u64, seed: u8) {
        self.client.send((0..length).map(|index| pattern_byte(index, seed)).collect::<Vec<u8>>());
    }

    pub fn resume(&self) {
        self.client.resume();
    }

    pub fn shutdown(&self) {
        self.client.shutdown();
    }

    pub fn close(&self) {
        self.client.close();
    }

    pub fn reset(&self) {
        self.client.reset();
    }

    pub fn received(&self) -> Received {
        let mut seen = self.seen.borrow_mut();
        let bytes = self.client.take_received();
        seen.length += bytes.len() as u64;
        seen.checksum = checksum_of(seen.checksum, bytes.iter().copied());
        seen.bytes.extend(bytes);
        seen.bytes.truncate(KEPT_LENGTH_MAX);
        seen.state = match self.client.state() {
            ClientState::Connecting => State::Connecting,
            ClientState::Open => State::Open,
            ClientState::Eof => State::Eof,
            ClientState::Reset => State::Reset,
            over @ (ClientState::Refused | ClientState::Closed) => panic!("the client is {over:?}"),
        };
        let mut received = seen.clone();
        if received.length > KEPT_LENGTH_MAX as u64 {
            received.bytes.clear();
        }
        received
    }
}
