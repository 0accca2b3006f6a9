//! What Windows has for signals: Ctrl-C, and Ctrl-Break.

use super::Arrived;
use selectio_host::{Error, Signal};
use selectio_platform::{Interest, this_target};
use std::thread;

const INTERRUPT: Arrived = Arrived { number: Signal::Interrupt as i32, meaning: Some(Signal::Interrupt) };

/// Passes on the first one; the second ends the process, by the system. Where it can't be set up, the first does.
pub(super) fn pass_on(tell: impl Fn(Arrived) -> bool + Send + 'static) -> Result<(), Error> {
    super::start_thread("the signals of the system", move || {
        let platform = this_target();
        let Ok(events) = platform.signals() else { return };
        if platform.wait(&events, Interest::READ, None).is_ok() && tell(INTERRUPT) {
            // What is open has the second one end the process.
            loop {
                thread::park();
            }
        }
    })
}
