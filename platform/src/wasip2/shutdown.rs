//! The wish that the program ends, which `selectio run` passes on.

use wasip2::clocks::monotonic_clock::subscribe_instant;
use wasip2::io::poll::Pollable;

use crate::reserved_instants::{IS_SELECTIO, SHUTDOWN_REQUEST, SHUTDOWN_SEEN};

pub struct ShutdownRequest {
    is_requested: Pollable,
}

impl ShutdownRequest {
    /// `None` where the host passes no such wish on.
    pub fn new() -> Option<ShutdownRequest> {
        subscribe_instant(IS_SELECTIO)
            .ready()
            .then(|| ShutdownRequest { is_requested: subscribe_instant(SHUTDOWN_REQUEST) })
    }

    pub fn pollable(&self) -> u32 {
        self.is_requested.handle()
    }

    /// Takes the wish back, if there is one.
    pub fn take(&self) -> bool {
        let is_requested = self.is_requested.ready();
        if is_requested {
            drop(subscribe_instant(SHUTDOWN_SEEN));
        }
        is_requested
    }
}
