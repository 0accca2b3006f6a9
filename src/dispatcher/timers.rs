//! Timers, served by the same wait as the sockets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::time::Duration;

use super::{Dispatcher, Key};

/// What a timer calls.
pub(crate) type TimerHandler = Box<dyn FnMut(&Dispatcher) -> io::Result<()>>;

/// Names a timer, to cancel it with [`Dispatcher::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timer(u64);

/// What happens when a timer is due.
pub(crate) enum Due {
    Call {
        handler: TimerHandler,
        /// `None` when it is called once.
        period: Option<Duration>,
    },
    /// A listener that ran out of descriptors tries again.
    Unmute(Key),
}

/// Timers by deadline; a cancelled one leaves its heap entry behind until that is due.
#[derive(Default)]
pub(crate) struct Timers {
    by_deadline: BinaryHeap<Reverse<(Duration, Timer)>>,
    /// `None` while the timer's handler runs.
    live: BTreeMap<Timer, Option<Due>>,
    next: u64,
}

impl Timers {
    pub(crate) fn insert(&mut self, deadline: Duration, due: Due) -> Timer {
        let timer = Timer(self.next);
        self.next += 1;
        self.live.insert(timer, Some(due));
        self.by_deadline.push(Reverse((deadline, timer)));
        timer
    }

    /// Whether it was still to come, or running. What it owned is given back, to be dropped elsewhere.
    pub(crate) fn cancel(&mut self, timer: Timer) -> Option<Option<Due>> {
        self.live.remove(&timer)
    }

    /// When the next one is due.
    pub(crate) fn next_deadline(&mut self) -> Option<Duration> {
        while let Some(Reverse((deadline, timer))) = self.by_deadline.peek() {
            if self.live.contains_key(timer) {
                return Some(*deadline);
            }
            self.by_deadline.pop();
        }
        None
    }

    /// Takes the names of all that are due at `now`. Those that their handlers start come next time.
    pub(crate) fn take_due(&mut self, now: Duration) -> Vec<Timer> {
        let mut due = Vec::new();
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            due.extend(self.by_deadline.pop().map(|Reverse((_, timer))| timer));
        }
        due
    }

    /// What to do for one that is due; `None` when another one's handler cancelled it.
    pub(crate) fn start(&mut self, timer: Timer) -> Option<Due> {
        self.live.get_mut(&timer)?.take()
    }

    /// After it ran: comes again when it has a period, unless its handler cancelled it. Gives back what is
    /// to be dropped, outside of any borrow.
    pub(crate) fn finish(&mut self, timer: Timer, due: Due, now: Duration) -> Option<Due> {
        let Some(place) = self.live.get_mut(&timer) else { return Some(due) };
        let Due::Call { period: Some(period), .. } = due else {
            self.live.remove(&timer);
            return Some(due);
        };
        self.by_deadline.push(Reverse((now.saturating_add(period), timer)));
        place.replace(due)
    }
}
