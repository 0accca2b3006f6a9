//! What the portable tests stand on: a server under test, and clients that a peer outside plays.

mod client;
pub mod pattern;
mod waits;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher};
use selectio_platform::{Address, Backend, Descriptor, Domain, Found, Interest, Platform, Type};

pub use crate::outside::{Client, Peer, platform};
pub use client::{Received, State};
pub use pattern::{pattern_byte, pattern_checksum};
pub use selectio_portable::test;
pub use waits::Waits;

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waits to be sure that something does not happen.
pub const A_WHILE: Duration = Duration::from_millis(50);

/// A dispatcher with a listener, and a peer that connects to it.
pub struct World {
    pub dispatcher: Dispatcher,
    pub server: AsyncSocket,
    pub peer: Rc<Peer>,
}

impl World {
    pub fn new() -> World {
        let peer = Peer::start();
        let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        // A guest's peer was told by whoever started the guest.
        if let Ok(address) = server.local_addr() {
            peer.set_target(&address.to_string());
        }
        World { dispatcher: Dispatcher::new().expect("a dispatcher"), server, peer }
    }

    /// A client, connected from outside, and the socket that was accepted for it. Not registered.
    pub fn connect(&self) -> (AsyncSocket, Client) {
        let client = self.peer.connect();
        (self.accept(), client)
    }

    /// The same, with a client that doesn't read until it is told to.
    pub fn connect_paused(&self) -> (AsyncSocket, Client) {
        let client = self.peer.connect_paused();
        (self.accept(), client)
    }

    /// Waits for the connection that the peer made.
    pub fn accept(&self) -> AsyncSocket {
        let deadline = self.dispatcher.now() + PATIENCE;
        loop {
            if let Some(socket) = self.server.accept().expect("accepting works") {
                return socket;
            }
            assert!(self.dispatcher.now() < deadline, "the peer's connection arrives");
            sleep(Duration::from_millis(1));
        }
    }

    /// Polls until `condition` holds.
    #[track_caller]
    pub fn poll_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = self.dispatcher.now() + PATIENCE;
        while !condition() {
            assert!(self.dispatcher.now() < deadline, "in vain: {what}");
            self.poll_or_sleep();
        }
    }

    /// Polls for a while, in which nothing more should happen.
    pub fn poll_a_while(&self) {
        let deadline = self.dispatcher.now() + A_WHILE;
        while self.dispatcher.now() < deadline {
            self.poll_or_sleep();
        }
    }

    /// With nothing registered a poll returns at once, and a simulated clock would stand still.
    fn poll_or_sleep(&self) {
        if !self.dispatcher.poll(Duration::from_millis(5)).expect("polling works") {
            sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the client's bytes have arrived, without reading them.
    pub fn wait_for_arrival(&self) {
        sleep(A_WHILE);
    }
}

/// The platform alone, with a listener of its own.
pub struct Bench {
    pub platform: Rc<dyn Platform>,
    pub listener: Descriptor,
    pub peer: Rc<Peer>,
}

impl Bench {
    pub fn new() -> Bench {
        let (platform, peer) = (platform(), Peer::start());
        let listener = listener(&*platform).expect("a listener");
        if let Ok(address) = platform.local_addr(&listener) {
            peer.set_target(&address.to_string());
        }
        Bench { platform, listener, peer }
    }

    /// A connection: our end, and the client that has the other one.
    pub fn connect(&self) -> (Descriptor, Client) {
        let client = self.peer.connect();
        (self.accept(), client)
    }

    pub fn accept(&self) -> Descriptor {
        wait_until("a connection waits", || match self.platform.accept(&self.listener) {
            Ok((socket, _)) => Some(socket),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("accepting works: {error}"),
        })
    }

    /// Waits until `socket` is ready for `interest`, so that what the peer did has arrived.
    pub fn wait_ready(&self, socket: &Descriptor, interest: Interest) {
        let is_ready = self.platform.wait(socket, interest, Some(PATIENCE)).expect("waiting works");
        assert!(is_ready, "it is ready in time");
    }
}

fn listener(platform: &dyn Platform) -> io::Result<Descriptor> {
    if let Some(preopen) = platform.take_preopened(&mut |preopen| preopen.is_listener)? {
        return Ok(preopen.descriptor);
    }
    let listener = platform.socket(Domain::Ipv4, Type::Stream, None)?;
    platform.bind(&listener, &Address::Inet(([127, 0, 0, 1], 0).into()))?;
    platform.listen(&listener, 128)?;
    Ok(listener)
}

/// Sends every line back that comes.
pub fn echo_lines(socket: &AsyncSocket) {
    socket.set_handle_read(|socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            socket.send(line.with_newline())?;
        }
        Ok(())
    });
}

/// Lets time pass, by the clock of the platform.
pub fn sleep(duration: Duration) {
    let mut selector = platform().selector(Backend::Default).expect("a selector");
    selector.select(Some(duration), &mut Found::default()).expect("waiting works");
}

/// Tries until there is a result.
#[track_caller]
pub fn wait_until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let platform = platform();
    let deadline = platform.now() + PATIENCE;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        assert!(platform.now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(1));
    }
}

/// What happened, in order, noted by handlers.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn new() -> Log {
        Log::default()
    }

    pub fn note(&self, event: impl Into<String>) {
        self.0.borrow_mut().push(event.into());
    }

    pub fn events(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }

    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn contains(&self, event: &str) -> bool {
        self.0.borrow().iter().any(|noted| noted == event)
    }
}
