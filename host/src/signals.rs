//! Ending on Ctrl-C, SIGTERM and SIGHUP: at once, also in the middle of a guest
//! that computes for ever, or when a guest that was told has ended by itself.

use selectio_host::{ShutdownRequest, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// The signals that end programs, and what the guest is told of each.
const SIGNALS: [(i32, Signal); 3] =
    [(SIGHUP, Signal::Hangup), (SIGINT, Signal::Interrupt), (SIGTERM, Signal::Terminate)];

/// What a signal does to this process.
pub(crate) struct Ending {
    /// Removed at the end. There is nothing else to undo: no terminal setting or flag of a descriptor was changed.
    pub(crate) files: Vec<PathBuf>,
    /// Tells the guest.
    pub(crate) request: ShutdownRequest,
    /// How long a guest that was told may take to end by itself.
    pub(crate) grace: Duration,
}

/// Starts to wait for the signals, in threads of their own: the guest has the first one.
pub(crate) fn heed(ending: Ending) {
    let ignored = ignored();
    let heeded = SIGNALS.iter().map(|&(number, _)| number).filter(|number| ignored & (1 << (number - 1)) == 0);
    // Where it can't be set up, a signal still ends the process, by itself.
    let Ok(mut signals) = Signals::new(heeded) else {
        return;
    };
    let (sender, arrived) = mpsc::channel();
    thread::spawn(move || signals.forever().try_for_each(|signal| sender.send(signal)));
    thread::spawn(move || ending.wait(&arrived));
}

impl Ending {
    /// Ends the process with 128 plus the signal's number, as shells do.
    fn wait(self, arrived: &Receiver<i32>) {
        let Ok(first) = arrived.recv() else { return };
        let mut last = first;
        let mut is_out_of_time = false;
        if self.guest_is_told(first) {
            match arrived.recv_timeout(self.grace) {
                Ok(second) => last = second,
                Err(_) => is_out_of_time = true,
            }
        }
        for file in &self.files {
            // Someone may have removed it already.
            let _ = std::fs::remove_file(file);
        }
        if is_out_of_time {
            let grace = self.grace;
            // Not eprintln, which panics when the terminal has gone away.
            let _ = writeln!(
                io::stderr(),
                "selectio: the program was ended: it was asked to end, and did not within the grace time of {grace:?}"
            );
        }
        std::process::exit(128 + last);
    }

    fn guest_is_told(&self, signal: i32) -> bool {
        let meaning = SIGNALS.iter().find(|(number, _)| *number == signal);
        !self.grace.is_zero() && meaning.is_some_and(|&(_, meaning)| self.request.send(meaning))
    }
}

/// The signals that whoever started this process wants it to ignore, as `nohup` does with SIGHUP: a bit each, from
/// signal 1 on (proc(5)).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
