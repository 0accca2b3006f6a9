//! `poll_oneoff` as a selector, called directly: libc's select on top of it loses events that carry an
//! error, such as a reset.

use std::io;
use std::time::{Duration, Instant};

use super::capacity::Capacity;
use super::subscription::{CLOCK, Direction, NO_EVENT, clock, single, watch_of};
use super::subscriptions::Subscriptions;
use super::{Descriptor, Found, Interest, Ready, Selector, confirmation, hostcalls, number};
use crate::error::{nothing_to_wait_for, watched_already};
use crate::number_map::NumberMap;
use crate::places::Places;

struct Watch {
    fd: wasi::Fd,
    key: u64,
    /// Where its entries are in the subscription array, by direction.
    positions: [Option<usize>; 2],
    readable: bool,
    writable: bool,
    error: Option<wasi::Errno>,
}

pub struct PollOneoff {
    subscriptions: Subscriptions,
    events: Vec<wasi::Event>,
    /// Never moved while watched: the index is in the userdata of its subscriptions.
    watches: Places<Watch>,
    index_of: NumberMap<wasi::Fd, usize>,
    capacity: Capacity,
    /// Which watches the last wait was about.
    found: Vec<usize>,
}

impl PollOneoff {
    pub fn new() -> PollOneoff {
        PollOneoff {
            subscriptions: Subscriptions::new(),
            events: vec![NO_EVENT],
            watches: Places::new(),
            index_of: NumberMap::default(),
            capacity: Capacity::new(),
            found: Vec::new(),
        }
    }

    fn index_of(&self, descriptor: &Descriptor) -> io::Result<usize> {
        self.index_of.get(&number(descriptor)?).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set_interest(&mut self, index: usize, interest: Interest) {
        self.set_direction(index, Direction::Read, interest.read);
        self.set_direction(index, Direction::Write, interest.write);
        if self.events.len() < self.subscriptions.len() {
            self.events.resize(self.subscriptions.len(), NO_EVENT);
        }
    }

    fn set_direction(&mut self, index: usize, direction: Direction, wanted: bool) {
        let Some(watch) = self.watches.get_mut(index) else { return };
        match (watch.positions[direction as usize], wanted) {
            (None, true) => {
                watch.positions[direction as usize] = Some(self.subscriptions.insert(watch.fd, index, direction));
            }
            (Some(position), false) => {
                watch.positions[direction as usize] = None;
                if let Some((moved, direction)) = self.subscriptions.remove(position)
                    && let Some(moved) = self.watches.get_mut(moved)
                {
                    moved.positions[direction as usize] = Some(position);
                }
            }
            _ => {}
        }
    }

    /// Whether the host reports only what is ready. While that isn't known, tests it on a watched descriptor, another
    /// one before each wait.
    fn trusts_host(&self) -> bool {
        if let Some(turn) = confirmation::next_test()
            && let Some(fd) = self.subscriptions.readable_at(turn)
        {
            confirmation::test_host_on(fd);
        }
        !confirmation::is_needed()
    }

    /// Notes on the watch what one event says. `is_doubtful` when the host may have made it up.
    fn note(&mut self, event: &wasi::Event, is_doubtful: bool) {
        if event.userdata == CLOCK {
            return;
        }
        let (index, direction) = watch_of(event.userdata);
        let Some(watch) = self.watches.get(index) else { return };
        // Only what was asked for is an answer, whatever the host makes of the userdata.
        if watch.positions[direction as usize].is_none() {
            return;
        }
        if is_doubtful && !confirmation::confirm(event, watch.fd, direction) {
            return;
        }
        self.mark(index, direction, event.error);
    }

    /// Notes that a direction of a watch is ready, with an error or without.
    fn mark(&mut self, index: usize, direction: Direction, errno: wasi::Errno) {
        let Some(watch) = self.watches.get_mut(index) else { return };
        if !watch.readable && !watch.writable {
            self.found.push(index);
        }
        match direction {
            Direction::Read => watch.readable = true,
            Direction::Write => watch.writable = true,
        }
        if is_about_the_descriptor(errno) {
            watch.error = Some(errno);
        }
    }

    /// Notes the connections that were accepted to confirm an event and are still there: the host knows nothing of
    /// them any more.
    fn note_kept_connections(&mut self) {
        confirmation::each_listener_with_connection(|listener| {
            let Some(&index) = self.index_of.get(&listener) else { return };
            let is_watched = |watch: &Watch| watch.positions[Direction::Read as usize].is_some();
            if self.watches.get(index).is_some_and(is_watched) {
                self.mark(index, Direction::Read, wasi::ERRNO_SUCCESS);
            }
        });
    }

    /// After an error of the whole call, where the host doesn't say whose it is: asks for each alone. What is about
    /// the connection and not about the descriptor is told better by recv or send (C10).
    fn note_failing(&mut self) {
        for index in 0..self.watches.len() {
            for direction in [Direction::Read, Direction::Write] {
                let Some(watch) = self.watches.get(index) else { continue };
                if watch.positions[direction as usize].is_none() {
                    continue;
                }
                let alone = [single(watch.fd, index, direction), clock(Duration::ZERO)];
                if let Err(errno) = hostcalls::poll_oneoff(&alone, &mut [NO_EVENT; 2]) {
                    self.mark(index, direction, errno);
                }
            }
        }
    }

    /// Turns the notes into answers.
    fn collect(&mut self, found: &mut Found) {
        for index in self.found.drain(..) {
            let Some(watch) = self.watches.get_mut(index) else { continue };
            let (readable, writable) = (std::mem::take(&mut watch.readable), std::mem::take(&mut watch.writable));
            match watch.error.take() {
                Some(errno) => found.errors.push((watch.key, hostcalls::to_error(errno))),
                None => found.ready.push(Ready { key: watch.key, readable, writable }),
            }
        }
    }

    /// A descriptor that failed is not waited for again, or it would fail every wait.
    fn silence_failed(&mut self) {
        for position in 0..self.found.len() {
            let index = self.found[position];
            if self.watches.get(index).is_some_and(|watch| watch.error.is_some()) {
                self.set_interest(index, Interest::NONE);
            }
        }
    }
}

impl Selector for PollOneoff {
    fn name(&self) -> &'static str {
        "poll_oneoff"
    }

    fn add(&mut self, descriptor: &Descriptor, key: u64, interest: Interest) -> io::Result<()> {
        let fd = number(descriptor)?;
        if self.index_of.contains_key(&fd) {
            return Err(watched_already());
        }
        // For both directions: once it is watched, a change of interest can't be refused.
        self.capacity.ensure(2 * (self.index_of.len() + 1))?;
        let watch = Watch { fd, key, positions: [None, None], readable: false, writable: false, error: None };
        let index = self.watches.insert(watch);
        self.index_of.insert(fd, index);
        self.set_interest(index, interest);
        Ok(())
    }

    fn modify(&mut self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        let index = self.index_of(descriptor)?;
        self.set_interest(index, interest);
        Ok(())
    }

    fn remove(&mut self, descriptor: &Descriptor) -> io::Result<()> {
        let index = self.index_of(descriptor)?;
        self.set_interest(index, Interest::NONE);
        self.watches.remove(index);
        self.index_of.remove(&number(descriptor)?);
        Ok(())
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        found.clear();
        if self.subscriptions.is_empty() && timeout.is_none() {
            // Hosts answer inval to this, or hang.
            return Err(nothing_to_wait_for());
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.note_kept_connections();
        let mut left = if self.found.is_empty() { timeout } else { Some(Duration::ZERO) };
        loop {
            // One subscription beside the clock is reported as it is by every host.
            let is_doubtful = self.subscriptions.len() > 2 && !self.trusts_host();
            match hostcalls::poll_oneoff(self.subscriptions.with_timeout(left), &mut self.events) {
                Ok(count) => {
                    for position in 0..count {
                        let event = self.events[position];
                        self.note(&event, is_doubtful);
                    }
                }
                Err(wasi::ERRNO_INTR) => {}
                Err(errno) => {
                    self.note_failing();
                    if self.found.is_empty() {
                        return Err(hostcalls::to_error(errno));
                    }
                }
            }
            // The clock is a call of the host too: it is not asked when something was found.
            if self.found.is_empty() {
                left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            }
            if !self.found.is_empty() || left == Some(Duration::ZERO) {
                self.silence_failed();
                self.collect(found);
                return Ok(());
            }
        }
    }
}

/// Whether an event's error says that the descriptor can't be watched. Others (io for a reset, pipe)
/// are about the connection: the next recv or send tells them better (C10).
fn is_about_the_descriptor(errno: wasi::Errno) -> bool {
    matches!(
        errno,
        wasi::ERRNO_BADF
            | wasi::ERRNO_INVAL
            | wasi::ERRNO_NOTSUP
            | wasi::ERRNO_NOTSOCK
            | wasi::ERRNO_NOTCAPABLE
            | wasi::ERRNO_PERM
    )
}
