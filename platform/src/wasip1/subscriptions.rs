//! The subscription array, kept from call to call: the clock first, then one entry for each watched
//! direction. A change touches the entries it is about and no others.

use std::time::Duration;

use super::changes::Changes;
use super::subscription::{Direction, Subscription, clock, single, watch_of};

/// An array of so many entries is worth telling the host what has changed in it.
const NOTED_FROM: usize = 32;

/// In place of no limit, for an array whose clock is never left out: hosts count it, and some fail for more than a few
/// weeks.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

pub struct Subscriptions {
    entries: Vec<Subscription>,
    changes: Changes,
    /// The array has been long once.
    is_noted: bool,
}

impl Subscriptions {
    pub fn new() -> Subscriptions {
        Subscriptions { entries: vec![clock(Duration::ZERO)], changes: Changes::new(), is_noted: false }
    }

    /// Without any direction there is only the clock to wait for.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 1
    }

    /// How many events the host may write.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The array for a wait. A short one has the clock only when there is a timeout; a long one always, since its
    /// entries are to stay where they are.
    pub fn with_timeout(&mut self, timeout: Option<Duration>) -> &[Subscription] {
        if self.is_noted {
            self.entries[0] = clock(timeout.unwrap_or(FAR));
            self.changes.tell(&mut self.entries, timeout.is_none());
            return &self.entries;
        }
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
        self.is_noted |= self.entries.len() >= NOTED_FROM;
        self.note(self.entries.len() - 1);
        self.entries.len() - 1
    }

    /// Removes an entry. The last one takes its place: the answer is whose that was, when it was another.
    pub fn remove(&mut self, position: usize) -> Option<(usize, Direction)> {
        self.entries.swap_remove(position);
        self.note(position);
        self.entries.get(position).map(|moved| watch_of(moved.userdata()))
    }

    /// A descriptor that is watched for reading: that of the entry where `turn` points to, if it is one.
    pub fn readable_at(&self, turn: usize) -> Option<wasi::Fd> {
        let watched = &self.entries[1..];
        let entry = watched.get(turn % watched.len().max(1))?;
        (watch_of(entry.userdata()).1 == Direction::Read).then(|| entry.fd())
    }

    fn note(&mut self, position: usize) {
        if self.is_noted {
            self.changes.note(position);
        }
    }
}
