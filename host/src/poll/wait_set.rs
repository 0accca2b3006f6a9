//! A view of the array that the guest passes, kept in step with it.
//!
//! A guest passes the same array again and again, with a clock or a few sockets
//! changed. What differs is taken over entry by entry, and the kernel is told of
//! that alone. Where the guest notes what it has changed, the rest is not even
//! looked at; otherwise an idle socket costs the comparison of its 48 bytes.
//!
//! All that is used later is this side's own copy: a guest that notes what is
//! not so waits for what it waited for before, and nothing worse.

use super::clocks::Clocks;
use super::subscription::{self, EVENT_SIZE, Outcome, Record, Subscribed};
use super::watches::Watches;
use crate::clock::MonotonicClock;
use crate::counters::Counters;
use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::shutdown::Channel;
use crate::waiting::{Cancellation, Failure};
use selectio_platform::change_note::{self, ChangeNote, END};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Records compared at once; 3 KiB stay in the first-level cache.
const COMPARED_AT_ONCE: usize = 64;

/// A guest that waits for connections alone has nothing left to wait for when those are kept away, and a wait for nothing
/// at all is an error to the selector. Its end comes in the meantime.
const AGAIN_AND_AGAIN: Duration = Duration::from_secs(60);

/// The guest's subscriptions and the kernel's view of them.
pub(crate) struct WaitSet {
    /// The array of the last call.
    records: Vec<Record>,
    clocks: Clocks,
    watches: Watches,
    /// How many subscriptions are of no known kind.
    invalid: usize,
    /// Address and number of the wait whose note says what differs from `records`.
    noted_next: Option<(u32, u64)>,
    /// The clock in the first position is for other hosts.
    is_endless: bool,
    outcomes: Vec<Outcome>,
    /// How many records were looked at.
    #[cfg(test)]
    pub(super) compared: usize,
}

impl WaitSet {
    pub(crate) fn new(cancellation: &Cancellation, shutdown: Option<Arc<Channel>>) -> io::Result<WaitSet> {
        Ok(WaitSet {
            records: Vec::new(),
            clocks: Clocks::default(),
            watches: Watches::new(cancellation, shutdown)?,
            invalid: 0,
            noted_next: None,
            is_endless: false,
            outcomes: Vec::new(),
            #[cfg(test)]
            compared: 0,
        })
    }

    /// What its buffers come to.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Record>() * self.records.capacity() + self.watches.bytes()
    }

    /// Takes over the guest's array, which lies at `address` in its memory.
    pub(crate) fn follow(
        &mut self,
        array: &[Record],
        address: u32,
        note: Option<ChangeNote>,
        descriptors: &Descriptors,
    ) -> Result<(), Errno> {
        self.shrink_to(array.len());
        let common = &array[..self.records.len()];
        let known = note.filter(|note| self.noted_next == Some((address, note.wait)));
        if !known.is_some_and(|note| self.take_noted(array, note)) {
            self.take_different(common);
        }
        self.extend(array);
        self.noted_next = note.map(|note| (address, ChangeNote::wait_after(note.wait)));
        // Without anything else, there would be nothing to wait for.
        self.is_endless = note.is_some_and(|note| note.is_endless) && array.len() > 1;
        self.watches.settle(descriptors);
        if self.invalid > 0 { Err(Errno::INVAL) } else { Ok(()) }
    }

    fn shrink_to(&mut self, length: usize) {
        for index in length..self.records.len() {
            self.detach(index);
        }
        self.records.truncate(length);
        self.watches.shrink_to(length);
    }

    fn extend(&mut self, array: &[Record]) {
        for record in &array[self.records.len()..] {
            self.count(1);
            self.records.push(*record);
            self.attach(self.records.len() - 1);
        }
    }

    /// Takes over the first record and those that the note names, as far as the
    /// last array went. Answers whether the note was one: its list ends, and all
    /// in it is marked.
    fn take_noted(&mut self, array: &[Record], note: ChangeNote) -> bool {
        self.take(array, 0);
        let mut next = note.first;
        for _ in array {
            if next == END {
                return true;
            }
            let record = array.get(next as usize);
            let Some(following) = record.and_then(|record| change_note::linked(record, note.wait)) else {
                return false;
            };
            if (next as usize) < self.records.len() {
                self.take(array, next as usize);
            }
            next = following;
        }
        next == END
    }

    /// Compares with the last array, and takes over what differs.
    fn take_different(&mut self, array: &[Record]) {
        for start in (0..array.len()).step_by(COMPARED_AT_ONCE) {
            let end = array.len().min(start + COMPARED_AT_ONCE);
            self.count(end - start);
            if self.records[start..end] != array[start..end] {
                (start..end).for_each(|index| self.take(array, index));
            }
        }
    }

    fn take(&mut self, array: &[Record], index: usize) {
        self.count(1);
        let record = &array[index];
        if subscription::same_interest(&self.records[index], record) {
            self.records[index] = *record;
        } else {
            self.detach(index);
            self.records[index] = *record;
            self.attach(index);
        }
    }

    fn attach(&mut self, index: usize) {
        let position = index as u32;
        match subscription::subscribed(&self.records[index]) {
            Ok(Subscribed::Clock) => self.clocks.insert(position),
            Ok(Subscribed::Read(fd)) => self.watches.attach(position, fd, false),
            Ok(Subscribed::Write(fd)) => self.watches.attach(position, fd, true),
            Err(_) => self.invalid += 1,
        }
    }

    fn detach(&mut self, index: usize) {
        let position = index as u32;
        match subscription::subscribed(&self.records[index]) {
            Ok(Subscribed::Clock) => self.clocks.remove(position),
            Ok(Subscribed::Read(_) | Subscribed::Write(_)) => self.watches.detach(position),
            Err(_) => self.invalid -= 1,
        }
    }

    #[cfg(test)]
    fn count(&mut self, records: usize) {
        self.compared += records;
    }

    #[cfg(not(test))]
    fn count(&mut self, _records: usize) {}

    /// To be called before the number `fd` stands for something else than `descriptor`.
    pub(crate) fn forget(&mut self, fd: u32, descriptor: &Descriptor) {
        self.watches.forget(fd, descriptor);
    }

    /// To be called when the number `fd` stands for something.
    pub(crate) fn note_opened(&mut self, fd: u32) {
        self.watches.note_opened(fd);
    }

    /// Waits until at least one subscription is ready.
    ///
    /// The kernel says whether the time is over: a clock that was waited for in
    /// vain has rung, and nobody need look at the time.
    pub(crate) fn wait(
        &mut self,
        clock: &MonotonicClock,
        descriptors: &Descriptors,
        cancellation: &Cancellation,
        counters: &Counters,
    ) -> Result<(), Failure> {
        self.outcomes.clear();
        self.watches.tell_settled(&mut self.outcomes);
        let endless = self.is_endless.then_some(0);
        self.clocks.begin(&self.records, clock, endless, &mut self.outcomes);
        counters.set_accepting(self.watches.has_listener());
        let mut waited = 0;
        loop {
            let until_idle = cancellation.idle.as_ref().and_then(|idle| idle.expire(descriptors));
            let mut timeout = self.timeout(waited, until_idle);
            if timeout.is_none() && self.watches.keeps_connections_away() {
                timeout = Some(AGAIN_AND_AGAIN);
            }
            let is_over = self.watches.wait(timeout, &mut self.outcomes)?;
            cancellation.check_end()?;
            if let (true, Some(timeout)) = (is_over && self.outcomes.is_empty(), timeout) {
                waited = nanoseconds(timeout).saturating_add(waited);
                self.clocks.ring(waited, &mut self.outcomes);
            }
            if !self.outcomes.is_empty() {
                self.outcomes.sort_unstable_by_key(|outcome| outcome.index);
                if let Some(idle) = &cancellation.idle {
                    idle.read_clock();
                }
                return Ok(());
            }
            self.watches.settle(descriptors);
        }
    }

    /// How long the kernel may wait; `None`: for ever.
    fn timeout(&self, waited: u64, until_idle: Option<Duration>) -> Option<Duration> {
        if !self.outcomes.is_empty() {
            return Some(Duration::ZERO);
        }
        let until_due = self.clocks.first().map(|first| Duration::from_nanos(first.saturating_sub(waited)));
        until_due.into_iter().chain(until_idle).min()
    }

    /// The events for what [`Self::wait`] has found.
    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = [u8; EVENT_SIZE]> {
        self.outcomes.iter().map(|outcome| subscription::event(&self.records[outcome.index as usize], outcome))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
