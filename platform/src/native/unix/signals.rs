//! Being asked to end: a pipe for each who wants to know, written to by the handler of SIGINT and SIGTERM.

use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use super::syscalls;
use crate::Descriptor;

/// Whether the next signal ends the process at once: while nobody would hear of it, and after the first that was
/// heard of.
static ENDS_AT_ONCE: AtomicBool = AtomicBool::new(true);

static SHARED: Mutex<Shared> = Mutex::new(Shared { handled: None, open_count: 0 });

/// What all descriptors of the signals share.
struct Shared {
    /// The signals that are handled: all but those that were ignored when the first descriptor was made.
    handled: Option<Vec<libc::c_int>>,
    open_count: usize,
}

/// Ends the deliveries to one pipe.
struct Subscription {
    ids: Vec<SigId>,
    /// Without a writer, as where all signals are ignored, the pipe would be at its end, which is readable.
    _writer: PipeWriter,
}

pub fn open() -> io::Result<Descriptor> {
    let (reader, writer) = io::pipe()?;
    syscalls::set_nonblocking_and_cloexec(reader.as_fd())?;
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.handled.is_none() {
        shared.handled = Some(handle_those_not_ignored()?);
    }
    // From here on, dropping the subscription undoes what was done.
    let mut subscription = Subscription { ids: Vec::new(), _writer: writer.try_clone()? };
    shared.open_count += 1;
    let registered = shared.handled.iter().flatten().try_for_each(|&signal| {
        // Makes its end of the pipe non-blocking and close-on-exec: a full pipe says enough.
        let id = low_level::pipe::register(signal, OwnedFd::from(writer.try_clone()?))?;
        subscription.ids.push(id);
        Ok(())
    });
    if registered.is_ok() && shared.open_count == 1 {
        // Last, so that no signal falls between: until here it ends the process, from here on it is heard of.
        ENDS_AT_ONCE.store(false, Ordering::SeqCst);
    }
    // The subscription takes the lock when it is dropped.
    drop(shared);
    registered.map(|()| Descriptor::guarded(OwnedFd::from(reader), subscription))
}

/// The handlers that stay for the life of the process. They run in this order, and before those of the pipes: so
/// the first signal only sets the flag, which the second one finds set.
fn handle_those_not_ignored() -> io::Result<Vec<libc::c_int>> {
    let mut handled = Vec::new();
    for signal in [SIGINT, SIGTERM] {
        // nohup and the background jobs of a shell without job control want it so.
        if !syscalls::is_ignored(signal)? {
            flag::register_conditional_default(signal, &ENDS_AT_ONCE)?;
            flag::register(signal, &ENDS_AT_ONCE)?;
            handled.push(signal);
        }
    }
    Ok(handled)
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.open_count -= 1;
        if shared.open_count == 0 {
            // First, so that no signal is swallowed.
            ENDS_AT_ONCE.store(true, Ordering::SeqCst);
        }
        drop(shared);
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use super::*;
    use crate::native::Native;
    use crate::{Interest, Platform};

    const SCENARIO: &str = "SELECTIO_SIGNALS_SCENARIO";

    /// Runs a scenario in a process of its own, which a signal may end.
    fn run(scenario: &str) -> ExitStatus {
        run_by(Command::new(env::current_exe().expect("the path of this test")), scenario)
    }

    fn run_by(mut command: Command, scenario: &str) -> ExitStatus {
        command.args(["--exact", "native::unix::signals::tests::scenario", "--ignored"]).env(SCENARIO, scenario);
        command.output().expect("this test can be started again").status
    }

    fn is_ready(descriptor: &Descriptor) -> bool {
        Native.is_ready(descriptor, Interest::READ).expect("a pipe can be watched")
    }

    fn raise(signal: libc::c_int) {
        low_level::raise(signal).expect("a process may send itself signals");
    }

    /// Ctrl-C, unless the tests were started to ignore it, as a shell does with what it runs in the background.
    fn interrupt() {
        let is_ignored = syscalls::is_ignored(SIGINT).expect("the signal exists");
        raise(if is_ignored { SIGTERM } else { SIGINT });
    }

    #[test]
    #[ignore = "the others run it in a process of its own"]
    fn scenario() {
        let first = open().expect("there are descriptors");
        match env::var(SCENARIO).as_deref() {
            Ok("all hear of it") => all_hear_of_it(&first),
            Ok("a closed one") => a_closed_one(first),
            Ok("a second signal") => {
                raise(SIGTERM);
                Native.read(&first, &mut [0; 8]).expect("the first one is heard of");
                raise(SIGTERM);
            }
            Ok("all closed") => {
                drop(first);
                raise(SIGTERM);
            }
            Ok("ignored") => {
                raise(SIGINT);
                assert!(!is_ready(&first), "it stays ignored");
                raise(SIGTERM);
                assert!(is_ready(&first), "the other one does not");
            }
            Ok("all ignored") => {
                raise(SIGINT);
                raise(SIGTERM);
                assert!(!is_ready(&first), "they stay ignored");
            }
            scenario => panic!("no such scenario: {scenario:?}"),
        }
    }

    fn all_hear_of_it(first: &Descriptor) {
        let second = open().expect("there are descriptors");
        assert!(!is_ready(first) && !is_ready(&second));
        raise(SIGTERM);
        assert!(is_ready(first) && is_ready(&second));
        Native.read(first, &mut [0; 8]).expect("the signal");
        assert!(!is_ready(first) && is_ready(&second), "reading takes it back, for one of them");
        let nothing = Native.read(first, &mut [0; 8]).expect_err("it is non-blocking");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    fn a_closed_one(first: Descriptor) {
        let second = open().expect("there are descriptors");
        Native.close(first).expect("it is open");
        interrupt();
        assert!(is_ready(&second), "closing another one does not matter");
        Native.close(second).expect("it is open");
        let third = open().expect("there are descriptors");
        raise(SIGTERM);
        assert!(is_ready(&third), "with all of them closed, everything begins anew");
    }

    #[test]
    fn every_descriptor_becomes_readable_until_it_is_read() {
        assert!(run("all hear of it").success());
    }

    #[test]
    fn closing_one_does_not_matter_to_the_others() {
        assert!(run("a closed one").success());
    }

    #[test]
    fn the_second_signal_ends_the_process() {
        assert_eq!(run("a second signal").signal(), Some(SIGTERM));
    }

    #[test]
    fn without_a_descriptor_the_first_signal_ends_the_process() {
        assert_eq!(run("all closed").signal(), Some(SIGTERM));
    }

    #[test]
    fn an_ignored_signal_stays_ignored() {
        for (ignored, scenario) in [("INT", "ignored"), ("INT TERM", "all ignored")] {
            let mut shell = Command::new("sh");
            let script = format!("trap '' {ignored}; exec \"$0\" \"$@\"");
            shell.arg("-c").arg(script).arg(env::current_exe().expect("the path of this test"));
            assert!(run_by(shell, scenario).success(), "{scenario}");
        }
    }

    #[test]
    fn it_can_not_be_given_away() {
        let error = OwnedFd::try_from(open().expect("there are descriptors")).expect_err("its end is noticed");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
