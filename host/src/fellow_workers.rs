//! Sharing listeners with other workers.

use crate::counters::Statistics;
use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

/// So long a connection is left to the others.
const PATIENCE: Duration = Duration::from_millis(1);

/// The other workers, as one of them sees them.
///
/// All that wait are woken by a connection. Whoever runs already would take all that come at once, and keep them for as
/// long as they last, before the others have begun to run. So a connection is left to workers that have fewer of them.
/// One that doesn't come in time, since it computes, is not waited for again until it has; but while it has fewer, only
/// one connection is taken in each turn, so that the rest is still there when it comes.
pub(crate) struct FellowWorkers {
    worker: usize,
    all: Statistics,
    /// Since when a connection is left to others.
    left_since: Cell<Option<Instant>>,
    /// By worker, how many waits it had ended when it did not come in time.
    missed_at: RefCell<Vec<Option<u64>>>,
    /// How many waits this worker had ended when it took its last connection.
    taken_at: Cell<Option<u64>>,
}

impl FellowWorkers {
    pub(crate) fn new(worker: usize, all: Statistics) -> FellowWorkers {
        let missed_at = RefCell::new(vec![None; all.all().len()]);
        FellowWorkers { worker, all, left_since: Cell::new(None), missed_at, taken_at: Cell::new(None) }
    }

    /// Whether the next connection is to be left to another worker for now.
    pub(crate) fn should_have_the_next(&self) -> bool {
        if !self.idler().any(|worker| !self.has_missed(worker)) {
            let has_taken_one = self.taken_at.get() == Some(self.waits(self.worker));
            return has_taken_one && self.idler().next().is_some();
        }
        let since = self.left_since.get().unwrap_or_else(Instant::now);
        self.left_since.set(Some(since));
        if since.elapsed() < PATIENCE {
            thread::yield_now();
            return true;
        }
        for worker in self.idler() {
            self.missed_at.borrow_mut()[worker] = Some(self.waits(worker));
        }
        false
    }

    /// The next connection was taken, by whomever.
    pub(crate) fn note_taken(&self) {
        self.left_since.set(None);
        self.taken_at.set(Some(self.waits(self.worker)));
    }

    /// The workers that have fewer connections than this one.
    fn idler(&self) -> impl Iterator<Item = usize> {
        let open = self.all.all()[self.worker].open();
        let others = self.all.all().iter().enumerate();
        others.filter(move |(_, other)| other.is_accepting() && other.open() < open).map(|(worker, _)| worker)
    }

    /// Whether it has not come in time, and not since.
    fn has_missed(&self, worker: usize) -> bool {
        self.missed_at.borrow()[worker] == Some(self.waits(worker))
    }

    /// How many waits a worker has ended.
    fn waits(&self, worker: usize) -> u64 {
        self.all.all()[worker].waits.get()
    }
}
