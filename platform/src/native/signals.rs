//! Being asked to end: a pipe for each who wants to know, written to by the handler of SIGINT and SIGTERM.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use super::{Descriptor, syscalls};

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
}

pub fn open() -> io::Result<Descriptor> {
    let (reader, writer) = io::pipe()?;
    syscalls::set_nonblocking_and_cloexec(reader.as_fd())?;
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.handled.is_none() {
        shared.handled = Some(handle_those_not_ignored()?);
    }
    // From here on, dropping the subscription undoes what was done.
    let mut subscription = Subscription { ids: Vec::new() };
    shared.open_count += 1;
    for &signal in shared.handled.iter().flatten() {
        // Makes its end of the pipe non-blocking and close-on-exec: a full pipe says enough.
        match writer.try_clone().and_then(|writer| low_level::pipe::register(signal, OwnedFd::from(writer))) {
            Ok(id) => subscription.ids.push(id),
            Err(error) => {
                drop(shared);
                return Err(error);
            }
        }
    }
    if shared.open_count == 1 {
        // Last, so that no signal falls between: until here it ends the process, from here on it is heard of.
        ENDS_AT_ONCE.store(false, Ordering::SeqCst);
    }
    drop(shared);
    Ok(Descriptor::guarded(OwnedFd::from(reader), subscription))
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
