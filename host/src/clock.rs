//! The guest's monotonic clock.

use std::time::Instant;
use wasmtime_wasi::clocks::HostMonotonicClock;

/// Counts from the start of the guest. `clock_time_get` and the absolute
/// timeouts of `poll_oneoff` have to read the same one.
#[derive(Clone, Copy)]
pub(crate) struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    pub(crate) fn start() -> MonotonicClock {
        MonotonicClock { start: Instant::now() }
    }
}

impl HostMonotonicClock for MonotonicClock {
    fn resolution(&self) -> u64 {
        1
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos().try_into().unwrap_or(u64::MAX)
    }
}
