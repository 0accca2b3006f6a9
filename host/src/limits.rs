//! What an operator may limit.

use std::time::Duration;

/// `None`: no limit of this host's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    /// The memory of the guest, in bytes.
    pub(crate) memory_bytes: Option<usize>,
    /// How many sockets the guest may have open.
    pub(crate) sockets: Option<usize>,
    /// How long the guest may run.
    pub(crate) time: Option<Duration>,
}
