//! The signals of unix.

use super::Arrived;
use selectio_host::{Error, Signal};
use selectio_platform::for_hosts;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ};
use signal_hook::iterator::Signals;

/// The signals that end programs and can be caught, and what the guest is told of each: of most it is told nothing, and
/// all that is left to do then is to remove files.
const SIGNALS: [(i32, Option<Signal>); 10] = [
    (SIGHUP, Some(Signal::Hangup)),
    (SIGINT, Some(Signal::Interrupt)),
    (SIGTERM, Some(Signal::Terminate)),
    (SIGALRM, None),
    (SIGPROF, None),
    (SIGQUIT, None),
    (SIGUSR2, None),
    (SIGVTALRM, None),
    (SIGXCPU, None),
    (SIGXFSZ, None),
];

/// Passes on every signal that comes, as long as somebody wants it, but those that whoever started this process wants it
/// to ignore, as `nohup` does with SIGHUP. Where it can't be set up, a signal still ends the process, by itself.
pub(super) fn pass_on(tell: impl Fn(Arrived) -> bool + Send + 'static) -> Result<(), Error> {
    let numbers = SIGNALS.iter().map(|&(number, _)| number);
    let heeded = numbers.filter(|&number| !for_hosts::is_ignored(number).unwrap_or(false));
    let Ok(mut signals) = Signals::new(heeded) else { return Ok(()) };
    super::start_thread("the signals of the system", move || {
        let known = signals.forever().filter_map(|number| SIGNALS.iter().find(|(one, _)| *one == number));
        for &(number, meaning) in known {
            if !tell(Arrived { number, meaning }) {
                return;
            }
        }
    })
}
