//! What an operator may limit.

use std::time::Duration;

/// `None`: no limit of this host's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    /// The memories and tables of the guest together, and what the host keeps for it, in bytes.
    pub(crate) memory_bytes: Option<usize>,
    /// What each of its memories may grow to, in bytes.
    pub(crate) one_memory_bytes: Option<usize>,
    /// What each of its tables may grow to, in elements.
    pub(crate) table_elements: Option<usize>,
    pub(crate) memories: Option<usize>,
    pub(crate) tables: Option<usize>,
    pub(crate) instances: Option<usize>,
    /// Growing beyond a limit is a trap, in place of an answer.
    pub(crate) traps_on_grow_failure: bool,
    /// How many resources of the host a component may have, and how many handles of them.
    pub(crate) resources: Option<usize>,
    pub(crate) handles: Option<usize>,
    /// How many sockets the guest may have open.
    pub(crate) sockets: Option<usize>,
    /// How long the guest may run.
    pub(crate) time: Option<Duration>,
    /// How long nothing may move on a connection.
    pub(crate) idle: Option<Duration>,
    /// How much the guest may compute, in Wasmtime's units.
    pub(crate) fuel: Option<u64>,
    /// How much one call of the guest may copy.
    pub(crate) host_call_fuel: Option<usize>,
    /// How many random bytes one call of the guest may ask for.
    pub(crate) random_bytes: Option<u64>,
}
