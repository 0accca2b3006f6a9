//! A connection: two ends, each with bytes that wait to leave and bytes that have arrived.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use crate::Address;

/// What an end buffers in each direction.
pub const BUFFER_LENGTH_MAX: usize = 64 * 1024;
/// What an end that does not read has room for.
const PAUSED_LENGTH_MAX: usize = 4 * 1024;

/// One end of a connection: side 0 has connected, side 1 was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndId {
    pub connection: usize,
    pub side: usize,
}

impl EndId {
    pub fn peer(self) -> EndId {
        EndId { side: 1 - self.side, ..self }
    }
}

/// Who has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The program, or a backlog from which it has not been accepted yet.
    Program,
    /// A client: takes what arrives at once, unless it is paused.
    Outside { is_paused: bool },
    /// It was closed; what was queued before still leaves.
    Nobody,
}

pub struct End {
    pub owner: Owner,
    pub address: Address,
    pub outgoing: VecDeque<u8>,
    pub incoming: VecDeque<u8>,
    /// What a client has taken in.
    pub taken: Vec<u8>,
    /// Nothing is sent after what is queued.
    pub is_write_shut: bool,
    /// A reset follows what is queued, as far as that fits the other side.
    pub is_aborted: bool,
    /// The end of the peer's stream has arrived.
    pub is_ended: bool,
    /// The program does not want to read any more.
    pub is_read_shut: bool,
    /// The connection is over, and why; the reason is told once.
    pub is_broken: bool,
    pub error: Option<ErrorKind>,
}

impl End {
    pub fn new(owner: Owner, address: Address) -> End {
        End {
            owner,
            address,
            outgoing: VecDeque::new(),
            incoming: VecDeque::new(),
            taken: Vec::new(),
            is_write_shut: false,
            is_aborted: false,
            is_ended: false,
            is_read_shut: false,
            is_broken: false,
            error: None,
        }
    }

    pub fn room(&self) -> usize {
        let length_max = if self.is_paused() { PAUSED_LENGTH_MAX } else { BUFFER_LENGTH_MAX };
        length_max.saturating_sub(self.incoming.len())
    }

    pub fn outgoing_room(&self) -> usize {
        BUFFER_LENGTH_MAX.saturating_sub(self.outgoing.len())
    }

    fn is_paused(&self) -> bool {
        self.owner == Owner::Outside { is_paused: true }
    }

    pub fn is_readable(&self) -> bool {
        !self.incoming.is_empty() || self.is_ended || self.is_read_shut || self.is_broken
    }

    /// As a kernel has it: with so little room that a send would hardly do anything, it is not.
    pub fn is_writable(&self) -> bool {
        self.outgoing_room() * 3 >= BUFFER_LENGTH_MAX || self.is_write_shut || self.is_broken
    }

    /// The connection is over from this end's point of view.
    pub fn break_off(&mut self, reason: ErrorKind) {
        self.outgoing.clear();
        if !self.is_broken {
            self.is_broken = true;
            self.error = Some(reason);
        }
    }

    /// The owner gives it up. A kernel that finds bytes which nobody read resets the connection.
    pub fn close(&mut self) {
        self.owner = Owner::Nobody;
        self.is_write_shut = true;
        self.is_aborted |= !self.incoming.is_empty();
        self.incoming = VecDeque::new();
    }

    /// A client that is not paused takes everything.
    pub fn take_in(&mut self) {
        if self.owner == (Owner::Outside { is_paused: false }) {
            let (first, second) = self.incoming.as_slices();
            self.taken.extend_from_slice(first);
            self.taken.extend_from_slice(second);
            self.incoming.clear();
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connecting,
    Established,
    Failed,
}

pub struct Connection {
    pub stage: Stage,
    pub ends: [End; 2],
    /// When the next turn is, if one is planned.
    pub turn: Option<Duration>,
}

/// Moves the first `length` bytes.
pub fn carry(from: &mut VecDeque<u8>, to: &mut VecDeque<u8>, length: usize) {
    let (first, second) = from.as_slices();
    let first_length = length.min(first.len());
    to.extend(&first[..first_length]);
    to.extend(&second[..length - first_length]);
    from.drain(..length);
}
