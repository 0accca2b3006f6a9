//! What a guest is given beside its code.

use crate::limits::Limits;
use crate::network::Access;
use crate::profile::GuestProfile;
use crate::shutdown::ShutdownRequest;
use crate::stdio::Output;
use crate::stop::StopHandle;
use crate::trace::Trace;
use crate::workers::WorkerEnd;
use std::path::PathBuf;
use std::sync::Arc;

/// A directory for the guest.
pub(crate) struct Directory {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) is_read_only: bool,
}

/// Everything that a guest is given beside its code and its sockets; each worker gets the same.
#[derive(Default)]
pub(crate) struct Given {
    /// Argument 0 and all others.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directories: Vec<Directory>,
    pub(crate) has_no_input: bool,
    pub(crate) output: Output,
    pub(crate) error_output: Output,
    pub(crate) limits: Limits,
    pub(crate) shutdown: Option<ShutdownRequest>,
    pub(crate) stop: Option<StopHandle>,
    pub(crate) trace: Option<Trace>,
    /// What a component may do in the network.
    pub(crate) network: Arc<Access>,
    /// TCP sockets that a component makes gather small writes.
    pub(crate) gathers_small_writes: bool,
    pub(crate) watchers: Watchers,
    /// What is more than 1 is started beside the first.
    pub(crate) further_workers: usize,
    pub(crate) is_restarted: bool,
    /// Where to write what a trap leaves.
    pub(crate) core_dump: Option<PathBuf>,
    pub(crate) profile: Option<GuestProfile>,
    /// The stack of the guest's thread.
    pub(crate) stack_bytes: usize,
}

impl Given {
    pub(crate) fn workers(&self) -> usize {
        1 + self.further_workers
    }
}

type EndWatcher = Arc<dyn Fn(&WorkerEnd<'_>) + Send + Sync>;

/// Who wants to know what happens.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    /// All guests have waited for the first time.
    pub(crate) ready: Option<Arc<dyn Fn() + Send + Sync>>,
    /// A worker's guest has ended.
    pub(crate) end: Option<EndWatcher>,
}
