//! Timers, served by the same wait as the sockets: a heap in which each timer knows its place, so that cancelling
//! and restarting one leaves nothing behind.

use std::fmt;
use std::io;
use std::time::Duration;

use super::slots::Slots;
use super::{Dispatcher, Key};

/// What a timer calls.
pub(crate) type TimerHandler = Box<dyn FnMut(&Dispatcher) -> io::Result<()>>;

/// Names a timer, to cancel it with [`Dispatcher::cancel`] or to start it anew with [`Dispatcher::restart`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timer(Key);

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timer({})", self.0.number())
    }
}

/// What happens when a timer is due.
pub(crate) enum Due {
    Call {
        handler: TimerHandler,
        /// `None` when it is called once.
        period: Option<Duration>,
    },
    /// A socket's own limit of time is over: to connect, to close, to try again.
    Source(Key),
}

struct Entry {
    /// `None` while the timer's handler runs.
    due: Option<Due>,
    /// Where it is in the heap; `None` while its handler runs, unless that has restarted it.
    position: Option<usize>,
}

/// Orders the heap: what is due first, then what was started first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    time: Duration,
    /// Counts starts: timers of one moment are called in the order in which they were started.
    start: u64,
}

#[derive(Default)]
pub(crate) struct Timers {
    entries: Slots<Entry>,
    /// A binary heap with the nearest deadline first.
    heap: Vec<(Deadline, Key)>,
    starts: u64,
}

impl Timers {
    pub(crate) fn insert(&mut self, deadline: Duration, due: Due) -> Timer {
        let key = self.entries.insert(Entry { due: Some(due), position: None });
        self.push(key, deadline);
        Timer(key)
    }

    /// Whether none is to come.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Whether it is still to come, or its handler runs.
    pub(crate) fn contains(&self, timer: Timer) -> bool {
        self.entries.get(timer.0).is_some()
    }

    /// Whether it was still to come, or running. What it owned is given back, to be dropped elsewhere.
    pub(crate) fn cancel(&mut self, timer: Timer) -> Option<Option<Due>> {
        let entry = self.entries.remove(timer.0)?;
        if let Some(position) = entry.position {
            self.remove_at(position);
        }
        Some(entry.due)
    }

    /// Gives a timer another deadline. Allocates nothing.
    pub(crate) fn restart(&mut self, timer: Timer, deadline: Duration) -> bool {
        let Some(entry) = self.entries.get_mut(timer.0) else { return false };
        if let Some(position) = entry.position.take() {
            self.remove_at(position);
        }
        self.push(timer.0, deadline);
        true
    }

    /// When the next one is due.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.heap.first().map(|(deadline, _)| deadline.time)
    }

    /// How many timers were started so far: those that are started later come in a later turn.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }

    /// Takes the next one that is due at `now` and was started before the count of starts was `starts`.
    pub(crate) fn take_due(&mut self, now: Duration, starts: u64) -> Option<(Timer, Due)> {
        let &(deadline, key) = self.heap.first()?;
        // Among those of one moment the ones that were started last come last, so nothing else is due either.
        if deadline.time > now || deadline.start >= starts {
            return None;
        }
        self.remove_at(0);
        let entry = self.entries.get_mut(key)?;
        entry.position = None;
        Some((Timer(key), entry.due.take()?))
    }

    /// After its handler ran: it comes again when it has a period or was restarted, unless it was cancelled. Gives
    /// back what is to be dropped, outside of any borrow.
    pub(crate) fn finish(&mut self, timer: Timer, due: Due, now: Duration) -> Option<Due> {
        let Some(entry) = self.entries.get_mut(timer.0) else { return Some(due) };
        let is_restarted = entry.position.is_some();
        match due {
            Due::Call { period: Some(period), .. } if !is_restarted => {
                entry.due = Some(due);
                self.push(timer.0, now.saturating_add(period));
                None
            }
            due if is_restarted => {
                entry.due = Some(due);
                None
            }
            due => {
                self.entries.remove(timer.0);
                Some(due)
            }
        }
    }

    fn push(&mut self, key: Key, time: Duration) {
        self.heap.push((Deadline { time, start: self.starts }, key));
        self.starts += 1;
        self.sift_up(self.heap.len() - 1);
    }

    fn remove_at(&mut self, position: usize) {
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            let position = self.sift_up(position);
            self.sift_down(position);
        }
    }

    fn sift_up(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.heap[parent].0 <= self.heap[position].0 {
                break;
            }
            self.heap.swap(parent, position);
            self.note_position(position);
            position = parent;
        }
        self.note_position(position);
        position
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let children = (2 * position + 1)..self.heap.len().min(2 * position + 3);
            let Some(least) = children.min_by_key(|&child| self.heap[child].0) else { break };
            if self.heap[position].0 <= self.heap[least].0 {
                break;
            }
            self.heap.swap(position, least);
            self.note_position(position);
            position = least;
        }
        self.note_position(position);
    }

    fn note_position(&mut self, position: usize) {
        let (_, key) = self.heap[position];
        if let Some(entry) = self.entries.get_mut(key) {
            entry.position = Some(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    fn due() -> Due {
        Due::Source(Key::from_number(0))
    }

    fn take_all(timers: &mut Timers, now: u64) -> Vec<Timer> {
        let starts = timers.starts();
        let mut taken = Vec::new();
        while let Some((timer, due)) = timers.take_due(Duration::from_secs(now), starts) {
            timers.finish(timer, due, Duration::from_secs(now));
            taken.push(timer);
        }
        taken
    }

    #[test]
    fn timers_are_due_in_the_order_of_their_deadlines_and_then_of_their_starts() {
        let mut timers = Timers::default();
        let deadlines = [5, 3, 9, 3, 1, 7, 5, 2];
        let started = deadlines.map(|time| timers.insert(Duration::from_secs(time), due()));
        assert!(timers.restart(started[4], Duration::from_secs(3)));
        assert_eq!(timers.next_deadline(), Some(Duration::from_secs(2)));
        let expected = [7, 1, 3, 4, 0, 6].map(|index| started[index]);
        assert_eq!(take_all(&mut timers, 5), expected);
        assert_eq!(take_all(&mut timers, 9), [started[5], started[2]]);
        assert!(timers.is_empty() && timers.next_deadline().is_none());
    }

    #[test]
    fn restarted_and_cancelled_timers_leave_nothing_behind() {
        let mut timers = Timers::default();
        let kept: Vec<_> = (0..10).map(|time| timers.insert(Duration::from_secs(time), due())).collect();
        for round in 0..10_000u64 {
            let passing = timers.insert(Duration::from_secs(round % 13), due());
            assert!(timers.restart(kept[round as usize % 10], Duration::from_secs(round % 17)));
            assert!(timers.cancel(passing).is_some());
            assert!(timers.cancel(passing).is_none() && !timers.restart(passing, Duration::ZERO));
        }
        assert_eq!((timers.heap.len(), timers.entries.len()), (10, 10));
        assert!(timers.heap.capacity() < 64);
        let order: Vec<_> = take_all(&mut timers, 20);
        assert_eq!(order.len(), 10);
    }

    #[test]
    fn what_is_started_while_timers_are_served_comes_in_a_later_turn() {
        let mut timers = Timers::default();
        let now = Duration::from_secs(1);
        let first = timers.insert(Duration::ZERO, due());
        let starts = timers.starts();
        let (taken, again) = timers.take_due(now, starts).expect("it is due");
        assert_eq!(taken, first);
        timers.insert(Duration::ZERO, due());
        assert!(timers.restart(first, Duration::ZERO), "its handler may restart it");
        assert!(timers.finish(first, again, now).is_none());
        assert!(timers.take_due(now, starts).is_none());
        assert_eq!(take_all(&mut timers, 1).len(), 2);
    }
}
