//! The subscription array, kept from call to call: the clock first, then one entry for each watched
//! direction. A change touches the entries it is about and no others.

use std::time::Duration;

/// The clock's userdata. Those of watches are `index << 1 | direction`, far below it.
pub const CLOCK: wasi::Userdata = wasi::Userdata::MAX;

/// Room for an event that the host writes.
pub const NO_EVENT: wasi::Event = wasi::Event {
    userdata: 0,
    error: wasi::ERRNO_SUCCESS,
    type_: wasi::EVENTTYPE_CLOCK,
    fd_readwrite: wasi::EventFdReadwrite { nbytes: 0, flags: 0 },
};

/// A direction of a watch; its value is the low bit of the userdata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Read = 0,
    Write = 1,
}

pub struct Subscriptions {
    entries: Vec<wasi::Subscription>,
}

impl Subscriptions {
    pub fn new() -> Subscriptions {
        Subscriptions { entries: vec![clock(Duration::ZERO)] }
    }

    /// Without any direction there is only the clock to wait for.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 1
    }

    /// How many events the host may write.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The array for a wait: with the clock only when there is a timeout.
    pub fn with_timeout(&mut self, timeout: Option<Duration>) -> &[wasi::Subscription] {
        match timeout {
            Some(timeout) => {
                self.entries[0] = clock(timeout);
                &self.entries
            }
            None => &self.entries[1..],
        }
    }

    /// Adds an entry and says where it is.
    pub fn insert(&mut self, fd: wasi::Fd, watch: usize, direction: Direction) -> usize {
        self.entries.push(single(fd, watch, direction));
        self.entries.len() - 1
    }

    /// Removes an entry. The last one takes its place: the answer is whose that was, when it was another.
    pub fn remove(&mut self, position: usize) -> Option<(usize, Direction)> {
        self.entries.swap_remove(position);
        self.entries.get(position).map(|moved| watch_of(moved.userdata))
    }
}

/// The watch and direction that an event's userdata names.
pub fn watch_of(userdata: wasi::Userdata) -> (usize, Direction) {
    let direction = if userdata & 1 == 0 { Direction::Read } else { Direction::Write };
    ((userdata >> 1) as usize, direction)
}

/// One direction of a watch.
pub fn single(fd: wasi::Fd, watch: usize, direction: Direction) -> wasi::Subscription {
    let of = wasi::SubscriptionFdReadwrite { file_descriptor: fd };
    let u = match direction {
        Direction::Read => {
            wasi::SubscriptionU { tag: wasi::EVENTTYPE_FD_READ.raw(), u: wasi::SubscriptionUU { fd_read: of } }
        }
        Direction::Write => {
            wasi::SubscriptionU { tag: wasi::EVENTTYPE_FD_WRITE.raw(), u: wasi::SubscriptionUU { fd_write: of } }
        }
    };
    wasi::Subscription { userdata: (watch as wasi::Userdata) << 1 | direction as wasi::Userdata, u }
}

/// Relative and monotonic: hosts refuse absolute clocks, or count them from different origins.
pub fn clock(timeout: Duration) -> wasi::Subscription {
    // A duration beyond 584 years is as good as that.
    let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let clock = wasi::SubscriptionClock { id: wasi::CLOCKID_MONOTONIC, timeout, precision: 0, flags: 0 };
    wasi::Subscription {
        userdata: CLOCK,
        u: wasi::SubscriptionU { tag: wasi::EVENTTYPE_CLOCK.raw(), u: wasi::SubscriptionUU { clock } },
    }
}
