//! What an operator can see of running guests.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The counters of one worker. One thread writes them, any may read them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) closed: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) waits: Counter,
    pub(crate) memory_bytes: Counter,
    /// The last wait of the guest was for connections, too.
    is_accepting: AtomicBool,
    /// How often the guest was started, and when it was last.
    starts: Mutex<(u64, Option<Instant>)>,
}

/// A number that one thread changes.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// As a plain addition: nobody else writes meanwhile.
    pub(crate) fn add(&self, by: u64) {
        self.set(self.get().wrapping_add(by));
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// A guest starts, with nothing open yet.
    pub(crate) fn note_start(&self) {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        *starts = (starts.0 + 1, Some(Instant::now()));
    }

    /// The guest has ended: what it had open is closed.
    pub(crate) fn note_end(&self) {
        self.closed.set(self.accepted.get());
        self.set_accepting(false);
        self.memory_bytes.set(0);
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
    }

    pub(crate) fn set_accepting(&self, is_accepting: bool) {
        self.is_accepting.store(is_accepting, Ordering::Relaxed);
    }

    pub(crate) fn is_accepting(&self) -> bool {
        self.is_accepting.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) -> u64 {
        self.accepted.get().saturating_sub(self.closed.get())
    }

    fn snapshot(&self) -> WorkerStatistics {
        let (starts, since) = *self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        WorkerStatistics {
            connections_open: self.open(),
            connections_accepted: self.accepted.get(),
            received_bytes: self.received_bytes.get(),
            sent_bytes: self.sent_bytes.get(),
            waits: self.waits.get(),
            memory_bytes: self.memory_bytes.get(),
            restarts: starts.saturating_sub(1),
            uptime: since.map(|start| start.elapsed()),
        }
    }
}

/// What the workers of a host have done so far; from [`Host::statistics`](crate::Host::statistics), to be asked at
/// any time, from any thread.
#[derive(Clone, Debug)]
pub struct Statistics(Arc<[Arc<Counters>]>);

impl Statistics {
    pub(crate) fn of(workers: usize) -> Statistics {
        Statistics((0..workers).map(|_| Arc::default()).collect())
    }

    /// All workers, in their order.
    pub(crate) fn all(&self) -> &[Arc<Counters>] {
        &self.0
    }

    pub(crate) fn counters(&self, worker: usize) -> Arc<Counters> {
        Arc::clone(&self.0[worker])
    }

    /// The accepted connections that are open, of all workers.
    pub fn connections_open(&self) -> u64 {
        self.0.iter().map(|counters| counters.open()).sum()
    }

    /// What each worker has done, in their order.
    pub fn workers(&self) -> Vec<WorkerStatistics> {
        self.0.iter().map(|counters| counters.snapshot()).collect()
    }
}

/// What one worker has done since the host has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatistics {
    /// The connections that the guest has accepted and not closed.
    pub connections_open: u64,
    /// The connections that it has accepted.
    pub connections_accepted: u64,
    /// Bytes that it has received over sockets.
    pub received_bytes: u64,
    /// Bytes that it has sent over sockets.
    pub sent_bytes: u64,
    /// How often a wait of its has ended.
    pub waits: u64,
    /// The size of its memories and tables, and of what the host keeps for it.
    pub memory_bytes: u64,
    /// How often the guest was started anew.
    pub restarts: u64,
    /// How long the guest has been running; `None` while it isn't.
    pub uptime: Option<Duration>,
}
