//! The guest's monotonic clock.

use std::time::Instant;

/// Counts from the start of the guest. `clock_time_get` and the absolute
/// timeouts of `poll_oneoff` read the same one.
#[derive(Clone, Copy)]
pub(crate) struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    pub(crate) fn start() -> MonotonicClock {
        MonotonicClock { start: Instant::now() }
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
