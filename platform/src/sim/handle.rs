//! A descriptor of a simulated network.

use std::fmt;

use super::network::Network;

/// Names an open descriptor. Dropping it closes that.
pub struct Handle {
    pub(super) network: Network,
    pub(super) number: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.network.lock();
        let now = state.now;
        state.trace.note(now, format_args!("close {}", self.number));
        state.close(self.number);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulated").field(&self.number).finish()
    }
}
