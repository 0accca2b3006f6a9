//! What is to happen outside, by time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Address;

/// Something on its way.
pub enum Event {
    /// The connection of this number carries what is queued.
    Turn(usize),
    /// A datagram arrives.
    Datagram { from: Address, to: Address, bytes: Vec<u8> },
}

/// Events by time; those of the same time in the order in which they were planned.
#[derive(Default)]
pub struct Agenda {
    events: BTreeMap<(Duration, u64), Event>,
    next: u64,
}

impl Agenda {
    pub fn plan(&mut self, time: Duration, event: Event) {
        self.events.insert((time, self.next), event);
        self.next += 1;
    }

    /// When the next one happens.
    pub fn next_time(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((time, _), _)| *time)
    }

    pub fn take_due(&mut self, now: Duration) -> Option<Event> {
        let is_due = self.next_time().is_some_and(|time| time <= now);
        if is_due { self.events.pop_first().map(|(_, event)| event) } else { None }
    }
}
