//! The signals of unix.

use selectio_host::Signal;
use selectio_platform::for_hosts;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;

/// The signals that end programs, and what the guest is told of each.
const SIGNALS: [(i32, Signal); 3] =
    [(SIGHUP, Signal::Hangup), (SIGINT, Signal::Interrupt), (SIGTERM, Signal::Terminate)];

/// Passes on every signal that comes, as long as somebody wants it, but those that whoever started this process wants it to ignore, as `nohup` does
/// with SIGHUP. Where it can't be set up, a signal still ends the process, by itself.
pub(super) fn pass_on(tell: impl Fn(Signal) -> bool + Send + 'static) {
    let numbers = SIGNALS.iter().map(|&(number, _)| number);
    let heeded = numbers.filter(|&number| !for_hosts::is_ignored(number).unwrap_or(false));
    let Ok(mut signals) = Signals::new(heeded) else { return };
    thread::spawn(move || {
        let meanings = signals.forever().filter_map(|number| SIGNALS.iter().find(|(one, _)| *one == number));
        for &(_, meaning) in meanings {
            if !tell(meaning) {
                return;
            }
        }
    });
}
