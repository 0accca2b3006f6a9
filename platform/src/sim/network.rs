//! The handle of a simulated network.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::faults::Faults;
use super::state::State;

/// A simulated network: the platform of the programs inside it, and the hand of the test that plays the
/// outside.
///
/// A cheap handle: clones name the same network.
///
/// ```
/// use selectio_platform::sim::{ClientState, Network};
/// use selectio_platform::this_target;
///
/// # fn main() -> std::io::Result<()> {
/// let network = Network::new(1);
/// let _inside = network.enter();
/// assert_eq!(this_target().name(), "simulation");
///
/// let client = network.connect_from_outside("127.0.0.1:7000".parse().expect("an address"));
/// client.send("hello");
/// assert_eq!(client.state(), ClientState::Connecting);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

impl Network {
    /// A network in which nothing goes wrong.
    #[must_use]
    pub fn new(seed: u64) -> Network {
        Network::with_faults(seed, Faults::default())
    }

    /// A network with faults; which of them happen when follows from the seed.
    #[must_use]
    pub fn with_faults(seed: u64, faults: Faults) -> Network {
        Network { state: Arc::new(Mutex::new(State::new(seed, faults))) }
    }

    /// Another plan of faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How many descriptors the program has open.
    #[must_use]
    pub fn open_descriptor_count(&self) -> usize {
        self.lock().descriptors.len()
    }

    /// A number for everything that has happened: two runs have the same only if they were the same.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.lock().trace.hash()
    }

    /// Keeps the last `line_count_max` calls as text, for [`trace`](Network::trace).
    pub fn keep_trace(&self, line_count_max: usize) {
        self.lock().trace.keep_lines(line_count_max);
    }

    /// The last calls of the program and what they answered, as far as they were kept.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.lock().trace.lines()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_same(&self, other: &Network) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Network")
            .field("now", &state.now)
            .field("open_descriptor_count", &state.descriptors.len())
            .field("faults", &state.faults)
            .finish_non_exhaustive()
    }
}

/// A descriptor that does not belong to the platform that was asked.
pub(crate) fn other_world(asked: &str) -> io::Error {
    let text = format!(
        "the descriptor does not belong to the {asked} platform that was asked: \
         make a socket and its dispatcher in the same world, both inside a simulated network or both outside"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
