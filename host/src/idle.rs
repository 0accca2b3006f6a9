//! Connections on which nothing moves.

use crate::descriptors::{Descriptor, Descriptors};
use crate::socket::Socket;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// A connection that is to be looked at: when (in milliseconds since the start), its number, and which of those that
/// had the number it is.
type Entry = Reverse<(u64, u32, u64)>;

/// Ends the guest's connections on which nothing has moved for some time: it finds that the peer is gone.
///
/// Each connection has one entry, which is looked at when its time would be over. What moves only leaves the time; so
/// neither an idle connection nor a busy one costs anything meanwhile.
pub(crate) struct Idle {
    limit_ms: u64,
    start: Instant,
    /// The time of the last wait's end.
    now_ms: Cell<u64>,
    entries: RefCell<BinaryHeap<Entry>>,
    connections: Cell<u64>,
}

impl Idle {
    pub(crate) fn new(limit: Duration) -> Idle {
        Idle {
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            start: Instant::now(),
            now_ms: Cell::new(0),
            entries: RefCell::default(),
            connections: Cell::new(0),
        }
    }

    /// The connection `socket` has the number `fd` now.
    pub(crate) fn watch(&self, fd: u32, socket: &Socket) {
        let serial = self.connections.get() + 1;
        self.connections.set(serial);
        socket.serial.set(serial);
        self.note_moved(socket);
        self.entries.borrow_mut().push(Reverse((self.due_ms(socket), fd, serial)));
    }

    /// Something has moved on the connection.
    pub(crate) fn note_moved(&self, socket: &Socket) {
        socket.moved_ms.set(self.now_ms.get());
    }

    fn due_ms(&self, socket: &Socket) -> u64 {
        socket.moved_ms.get().saturating_add(self.limit_ms)
    }

    /// How long nothing may move on it from now on.
    pub(crate) fn left(&self, socket: &Socket) -> Duration {
        self.read_clock();
        Duration::from_millis(self.due_ms(socket).saturating_sub(self.now_ms.get()))
    }

    pub(crate) fn read_clock(&self) {
        self.now_ms.set(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX));
    }

    /// Ends the connections whose time is over, and returns how long it is until one has to be looked at.
    pub(crate) fn expire(&self, descriptors: &Descriptors) -> Option<Duration> {
        self.read_clock();
        let mut entries = self.entries.borrow_mut();
        loop {
            let &Reverse((due_ms, fd, serial)) = entries.peek()?;
            if due_ms > self.now_ms.get() {
                return Some(Duration::from_millis(due_ms - self.now_ms.get()));
            }
            entries.pop();
            if let Ok(Descriptor::Socket(socket)) = descriptors.get(fd)
                && socket.serial.get() == serial
            {
                match self.due_ms(socket) {
                    due_ms if due_ms > self.now_ms.get() => entries.push(Reverse((due_ms, fd, serial))),
                    _ => socket.end_idle(),
                }
            }
        }
    }
}
