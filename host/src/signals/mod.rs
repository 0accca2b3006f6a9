//! Ending on Ctrl-C, SIGTERM and SIGHUP: at once, also in the middle of a guest
//! that computes for ever, or when a guest that was told has ended by itself.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use selectio_host::{ShutdownRequest, Signal, SocketFile};
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
#[cfg(unix)]
use unix::pass_on;
#[cfg(windows)]
use windows::pass_on;

/// What a signal does to this process.
pub(crate) struct Ending {
    /// Removed at the end. There is nothing else to undo: no terminal setting or flag of a descriptor was changed.
    /// Locked while a listener is opened, so that the end waits until its file is in here.
    pub(crate) files: Arc<Mutex<Vec<SocketFile>>>,
    /// Tells the guest.
    pub(crate) request: ShutdownRequest,
    /// How long a guest that was told may take to end by itself.
    pub(crate) grace: Duration,
}

/// Starts to wait for the signals, in threads of their own: the guest has the first one.
pub(crate) fn heed(ending: Ending) {
    let (sender, arrived) = mpsc::channel();
    pass_on(sender);
    thread::spawn(move || ending.wait(&arrived));
}

impl Ending {
    /// Ends the process with 128 plus the signal's number, as shells do.
    fn wait(self, arrived: &Receiver<Signal>) {
        let Ok(first) = arrived.recv() else { return };
        let mut last = first;
        let mut is_out_of_time = false;
        if !self.grace.is_zero() && self.request.send(first) {
            match arrived.recv_timeout(self.grace) {
                Ok(second) => last = second,
                Err(_) => is_out_of_time = true,
            }
        }
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().for_each(SocketFile::remove);
        if is_out_of_time {
            let grace = self.grace;
            // Not eprintln, which panics when the terminal has gone away.
            let _ = writeln!(
                io::stderr(),
                "selectio: the program was ended: it was asked to end, and did not within the grace time of {grace:?}"
            );
        }
        std::process::exit(128 + last as i32);
    }
}
