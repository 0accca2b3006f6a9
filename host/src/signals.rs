//! Ending on Ctrl-C and SIGTERM at any time, also in the middle of a guest
//! that computes for ever.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::PathBuf;
use std::thread;

/// Starts a thread that waits for the signals, removes `files` and ends the
/// process with 128 plus the signal's number, as shells do. There is nothing
/// else to undo: no terminal setting or flag of a descriptor was changed.
pub(crate) fn end_on_signals(files: Vec<PathBuf>) {
    // Where it can't be set up, a signal still ends the process, by itself.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            for file in files {
                // Someone may have removed it already.
                let _ = std::fs::remove_file(file);
            }
            std::process::exit(128 + signal);
        }
    });
}
