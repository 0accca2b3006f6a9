//! The outside world of a process or a guest: the test's side of the peer's protocol.

mod control;

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

use selectio_platform::{Platform, this_target};

use crate::support::{Received, State};
use control::Control;

/// The world that this test is in.
pub fn platform() -> Rc<dyn Platform> {
    this_target()
}

/// Plays the clients of one test.
pub struct Peer {
    control: RefCell<Control>,
}

impl Peer {
    pub fn start() -> Rc<Peer> {
        Rc::new(Peer { control: RefCell::new(control::open()) })
    }

    pub fn set_target(&self, address: &str) {
        self.request(&format!("target {address}"));
    }

    /// Connects a client to the test's listener.
    pub fn connect(self: &Rc<Peer>) -> Client {
        self.client(&self.request("connect"))
    }

    /// One that doesn't read until it is told to, and has little room.
    pub fn connect_paused(self: &Rc<Peer>) -> Client {
        self.client(&self.request("connect_paused"))
    }

    /// Connects so many, one after another, while the test goes on.
    pub fn connect_many(self: &Rc<Peer>, count: usize) -> Vec<Client> {
        let first: usize = self.request(&format!("connect_many {count}")).parse().expect("an id");
        (first..first + count).map(|id| Client { peer: self.clone(), id }).collect()
    }

    /// An address where the peer accepts connections.
    pub fn listen(&self) -> String {
        self.request("listen")
    }

    /// An address that refuses connections.
    pub fn listen_closed(&self) -> String {
        self.request("listen_closed")
    }

    /// The next connection that the peer has accepted.
    pub fn accepted(self: &Rc<Peer>) -> Option<Client> {
        let reply = self.request("accepted");
        (reply != "none").then(|| self.client(&reply))
    }

    fn client(self: &Rc<Peer>, id: &str) -> Client {
        Client { peer: self.clone(), id: id.parse().expect("an id") }
    }

    #[track_caller]
    fn request(&self, request: &str) -> String {
        let reply = self.control.borrow_mut().request(request);
        match reply.strip_prefix("ok") {
            Some(fields) => fields.trim_start().to_owned(),
            None => panic!("the peer could not {request:?}: {reply}"),
        }
    }
}

/// One client outside.
pub struct Client {
    peer: Rc<Peer>,
    id: usize,
}

impl Client {
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut request = format!("send {} ", self.id);
        for byte in bytes.as_ref() {
            write!(request, "{byte:02x}").expect("a string takes everything");
        }
        self.peer.request(&request);
    }

    /// Sends so many bytes of the pattern while the test goes on.
    pub fn burst(&self, length: u64, seed: u8) {
        self.peer.request(&format!("burst {} {length} {seed}", self.id));
    }

    pub fn resume(&self) {
        self.tell("resume");
    }

    pub fn shutdown(&self) {
        self.tell("shutdown");
    }

    pub fn close(&self) {
        self.tell("close");
    }

    pub fn reset(&self) {
        self.tell("reset");
    }

    fn tell(&self, what: &str) {
        self.peer.request(&format!("{what} {}", self.id));
    }

    pub fn received(&self) -> Received {
        let reply = self.peer.request(&format!("received {}", self.id));
        let mut fields = reply.split(' ');
        let mut field = || fields.next().unwrap_or_default();
        Received {
            length: field().parse().expect("a length"),
            checksum: u64::from_str_radix(field(), 16).expect("a checksum"),
            state: match field() {
                "open" => State::Open,
                "eof" => State::Eof,
                "reset" => State::Reset,
                _ => State::Connecting,
            },
            bytes: from_hex(field()),
        }
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    let digits = |index: usize| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}
