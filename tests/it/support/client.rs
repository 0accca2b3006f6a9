//! What a client outside has seen of its connection.

use super::wait_until;
use crate::outside::Client;

/// How a client sees its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Eof,
    Reset,
    Connecting,
}

/// What a client has received so far.
#[derive(Clone, Debug)]
pub struct Received {
    pub length: u64,
    pub checksum: u64,
    pub state: State,
    /// All of it, while it is short.
    pub bytes: Vec<u8>,
}

impl Client {
    /// What it has received so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.received().bytes).expect("text")
    }

    pub fn state(&self) -> State {
        self.received().state
    }

    /// Waits until it sees that its connection has ended so.
    #[track_caller]
    pub fn wait_for_state(&self, state: State) {
        wait_until(&format!("the client sees {state:?}"), || (self.state() == state).then_some(()));
    }
}
