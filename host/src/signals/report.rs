//! SIGUSR1: the metrics on standard error.

use crate::metrics;
use selectio_host::Statistics;
use selectio_platform::for_hosts;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
use std::sync::{Arc, OnceLock};
use std::thread;

/// Prints `statistics`, once they are known, whenever the signal comes, unless whoever started this process wants it
/// to ignore that. Before the program has started there is nothing to print, and the signal does nothing.
pub(crate) fn heed(statistics: Arc<OnceLock<Statistics>>) {
    if for_hosts::is_ignored(SIGUSR1).unwrap_or(false) {
        return;
    }
    let Ok(mut signals) = Signals::new([SIGUSR1]) else { return };
    thread::spawn(move || {
        for _ in signals.forever() {
            if let Some(statistics) = statistics.get() {
                metrics::print(statistics);
            }
        }
    });
}
