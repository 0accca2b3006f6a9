//! SIGUSR1: the metrics on standard error.

use crate::metrics;
use selectio_host::{Error, Statistics};
use selectio_platform::for_hosts;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
use std::sync::{Arc, OnceLock};

/// Prints `statistics`, once they are known, whenever the signal comes, unless whoever started this process wants it
/// to ignore that. Before the program has started there is nothing to print, and the signal does nothing.
///
/// # Errors
/// The system has no room for a thread.
pub(crate) fn heed(statistics: Arc<OnceLock<Statistics>>) -> Result<(), Error> {
    if for_hosts::is_ignored(SIGUSR1).unwrap_or(false) {
        return Ok(());
    }
    let Ok(mut signals) = Signals::new([SIGUSR1]) else { return Ok(()) };
    super::start_thread("SIGUSR1", move || {
        for _ in signals.forever() {
            if let Some(statistics) = statistics.get() {
                metrics::print(statistics);
            }
        }
    })
}
