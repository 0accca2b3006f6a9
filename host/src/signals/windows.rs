//! What Windows has for signals: Ctrl-C, and Ctrl-Break.

use selectio_host::Signal;
use selectio_platform::{Interest, this_target};
use std::thread;

/// Passes on the first one; the second ends the process, by the system. Where it can't be set up, the first does.
pub(super) fn pass_on(tell: impl Fn(Signal) -> bool + Send + 'static) {
    thread::spawn(move || {
        let platform = this_target();
        let Ok(events) = platform.signals() else { return };
        if platform.wait(&events, Interest::READ, None).is_ok() && tell(Signal::Interrupt) {
            // What is open has the second one end the process.
            loop {
                thread::park();
            }
        }
    });
}
