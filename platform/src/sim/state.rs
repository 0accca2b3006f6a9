//! The whole of a simulated network, behind the lock of its handles.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::agenda::{Agenda, Event};
use super::connection::{Connection, End, EndId};
use super::descriptors::{Descriptors, Listener, Object};
use super::faults::Faults;
use super::trace::Trace;
use crate::error::not_a_socket;
use crate::{Address, Domain, SocketOption, Type};

/// From a call to what it does on the other side.
const LATENCY: Duration = Duration::from_micros(100);

/// How much later it is when it is late.
const DELAY_MAX_US: u64 = 20_000;

/// The first port that is handed out to who doesn't care.
const FIRST_PORT: u16 = 49_152;

pub struct State {
    pub now: Duration,
    pub faults: Faults,
    pub agenda: Agenda,
    pub descriptors: Descriptors,
    /// All there ever were, so that a client can tell what it received when it is long over.
    pub connections: Vec<Connection>,
    /// The listeners outside, with the connections that they have accepted.
    pub outside: Vec<Listener>,
    pub trace: Trace,
    random: fastrand::Rng,
    next_port: u16,
}

impl State {
    pub fn new(seed: u64, faults: Faults) -> State {
        State {
            now: Duration::ZERO,
            faults,
            agenda: Agenda::default(),
            descriptors: Descriptors::default(),
            connections: Vec::new(),
            outside: Vec::new(),
            trace: Trace::new(),
            random: fastrand::Rng::with_seed(seed),
            next_port: FIRST_PORT,
        }
    }

    /// Whether a fault of this probability happens now.
    pub fn roll(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.f64() < probability
    }

    /// All of `length`, or with this probability only a part, at least one.
    pub fn some_of(&mut self, length: usize, probability: f64) -> usize {
        if length > 1 && self.roll(probability) { self.random.usize(1..length) } else { length }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.random.u64(..limit.max(1))
    }

    /// When what is sent off now is there.
    pub fn arrival_time(&mut self) -> Duration {
        let is_late = self.roll(self.faults.late);
        let delay = if is_late { Duration::from_micros(self.below(DELAY_MAX_US)) } else { Duration::ZERO };
        self.now + LATENCY + delay
    }

    pub fn end(&mut self, id: EndId) -> &mut End {
        &mut self.connections[id.connection].ends[id.side]
    }

    /// Plans a turn of the connection, unless one is planned.
    pub fn wake(&mut self, connection: usize) {
        if self.connections[connection].turn.is_none() {
            let time = self.arrival_time();
            self.connections[connection].turn = Some(time);
            self.agenda.plan(time, Event::Turn(connection));
        }
    }

    /// Lets happen what is due.
    pub fn run_due(&mut self) {
        while let Some(event) = self.agenda.take_due(self.now) {
            match event {
                Event::Turn(connection) => self.turn(connection),
                Event::Datagram { from, to, bytes } => self.deliver_datagram(from, &to, bytes),
            }
        }
    }

    pub fn open_socket(&mut self, domain: Domain, kind: Type) -> usize {
        let number = self.descriptors.open(match kind {
            Type::Datagram => Object::Datagram(super::descriptors::DatagramSocket::new(domain)),
            _ => Object::Idle { domain, bound: None },
        });
        if kind == Type::Stream && domain != Domain::Unix {
            self.set_option(number, SocketOption::NoDelay, true);
        }
        number
    }

    /// Closes a descriptor and what it stands for.
    pub fn close(&mut self, number: usize) {
        match self.descriptors.close(number).map(|open| open.object) {
            Some(Object::Stream(end)) => self.close_end(end),
            Some(Object::Listener(listener)) => {
                for connection in listener.backlog {
                    let end = EndId { connection, side: 1 };
                    self.end(end).is_aborted = true;
                    self.close_end(end);
                }
            }
            _ => {}
        }
    }

    pub fn close_end(&mut self, end: EndId) {
        self.end(end).close();
        self.wake(end.connection);
    }

    /// An internet address that nobody has.
    pub fn next_address(&mut self) -> Address {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        Address::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Gives an unbound socket its address.
    pub fn bind(&mut self, number: usize, address: &Address) -> io::Result<()> {
        let address = match address {
            Address::Inet(inet) if inet.port() == 0 => {
                let port = self.next_address().inet().map_or(0, |unused| unused.port());
                Address::Inet(SocketAddr::new(inet.ip(), port))
            }
            _ => address.clone(),
        };
        let is_datagram = matches!(self.descriptors.object(number)?, Object::Datagram(_));
        if self.is_in_use(&address, is_datagram) {
            return Err(ErrorKind::AddrInUse.into());
        }
        match self.descriptors.object(number)? {
            Object::Idle { domain, bound: bound @ None } if *domain == Domain::of(&address) => *bound = Some(address),
            Object::Datagram(socket) if socket.bound.is_none() && socket.domain == Domain::of(&address) => {
                socket.bound = Some(address);
            }
            _ => return Err(ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn is_in_use(&self, address: &Address, for_datagrams: bool) -> bool {
        let is_it = |bound: &Address| matches(bound, address) || matches(address, bound);
        self.descriptors.objects().any(|(_, object)| match object {
            Object::Idle { bound: Some(bound), .. } => !for_datagrams && is_it(bound),
            Object::Listener(listener) => !for_datagrams && is_it(&listener.address),
            Object::Datagram(socket) => for_datagrams && socket.bound.as_ref().is_some_and(is_it),
            _ => false,
        })
    }

    pub fn local_addr(&mut self, number: usize) -> io::Result<Address> {
        let (domain, bound) = match self.descriptors.object(number)? {
            Object::Stream(end) => {
                let end = *end;
                return Ok(self.end(end).address.clone());
            }
            Object::Listener(listener) => return Ok(listener.address.clone()),
            Object::Idle { domain, bound } => (*domain, bound.clone()),
            Object::Datagram(socket) => (socket.domain, socket.bound.clone()),
            Object::StandardInput => return Err(not_a_socket("standard input")),
            Object::Signals { .. } => return Err(not_a_socket("that of the signals")),
        };
        Ok(bound.unwrap_or_else(|| match domain {
            Domain::Ipv4 => Address::Inet(([0, 0, 0, 0], 0).into()),
            Domain::Ipv6 => Address::Inet(([0_u16; 8], 0).into()),
            Domain::Unix => Address::Unix(Default::default()),
        }))
    }

    pub fn peer_addr(&mut self, number: usize) -> io::Result<Address> {
        match self.descriptors.object(number)? {
            Object::Stream(end) => {
                let peer = end.peer();
                if self.connections[peer.connection].stage != super::connection::Stage::Established
                    || self.end(peer.peer()).is_broken
                {
                    return Err(ErrorKind::NotConnected.into());
                }
                Ok(self.end(peer).address.clone())
            }
            Object::Datagram(socket) => socket.peer.clone().ok_or_else(|| ErrorKind::NotConnected.into()),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }
}

/// Whether what is sent to `address` comes to a socket that is bound to `bound`.
pub fn matches(bound: &Address, address: &Address) -> bool {
    match (bound, address) {
        (Address::Inet(bound), Address::Inet(address)) => {
            bound.port() == address.port() && (bound.ip() == address.ip() || bound.ip().is_unspecified())
        }
        _ => bound == address,
    }
}
