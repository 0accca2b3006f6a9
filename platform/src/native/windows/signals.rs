//! Being asked to end: a connection for each who wants to know, written to when somebody presses Ctrl-C or Ctrl-Break.

#![allow(unsafe_code, reason = "one system call; its block says why it is sound")]

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::core::BOOL;

use super::pair;
use crate::Descriptor;

static SHARED: Mutex<Shared> =
    Mutex::new(Shared { is_handled: false, ends_at_once: true, next_id: 0, writers: Vec::new() });

/// What all descriptors of the signals share.
struct Shared {
    /// The handler stays for the life of the process.
    is_handled: bool,
    /// Whether the next event ends the process at once: while nobody would hear of it, and after the first that was
    /// heard of.
    ends_at_once: bool,
    next_id: u64,
    writers: Vec<(u64, pair::Writer)>,
}

/// Ends the deliveries to one descriptor.
struct Subscription(u64);

pub fn open() -> io::Result<Descriptor> {
    let (reader, writer) = pair::open()?;
    let mut shared = shared();
    if !shared.is_handled {
        // SAFETY: the handler is a function of the form that the system asks for, and stays for ever.
        if unsafe { SetConsoleCtrlHandler(Some(handle), 1) } == 0 {
            return Err(io::Error::last_os_error());
        }
        shared.is_handled = true;
    }
    if shared.writers.is_empty() {
        shared.ends_at_once = false;
    }
    let id = shared.next_id;
    shared.next_id += 1;
    shared.writers.push((id, writer));
    Ok(Descriptor::guarded(reader, Subscription(id)))
}

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The system calls this on a thread of its own, where everything may be done. What is left to the system (0) ends the
/// process, by the handler that each has from the start.
extern "system" fn handle(event: u32) -> BOOL {
    let mut shared = shared();
    if !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) || shared.ends_at_once {
        return 0;
    }
    shared.ends_at_once = true;
    for (_, writer) in &mut shared.writers {
        // A full one says enough.
        let _ = writer.write(&[0]);
    }
    1
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut shared = shared();
        shared.writers.retain(|(id, _)| *id != self.0);
        if shared.writers.is_empty() {
            shared.ends_at_once = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::System::Console::CTRL_CLOSE_EVENT;

    use super::*;
    use crate::native::Native;
    use crate::{Interest, Platform};

    fn is_ready(descriptor: &Descriptor) -> bool {
        Native.is_ready(descriptor, Interest::READ).expect("it can be watched")
    }

    /// One test, because all of it is about the whole process. The answer says whether the process goes on.
    #[test]
    fn everybody_hears_of_the_first_event_and_the_second_is_left_to_the_system() {
        assert_eq!(handle(CTRL_C_EVENT), 0, "nobody would hear of it");
        let first = open().expect("there are descriptors");
        let second = open().expect("there are descriptors");
        assert!(!is_ready(&first) && !is_ready(&second));
        assert_eq!(handle(CTRL_CLOSE_EVENT), 0, "the console is gone whatever the program does");
        assert_eq!(handle(CTRL_C_EVENT), 1);
        while !(is_ready(&first) && is_ready(&second)) {}
        Native.read(&first, &mut [0; 8]).expect("the event");
        assert!(!is_ready(&first) && is_ready(&second), "reading takes it back, for one of them");
        assert_eq!(handle(CTRL_C_EVENT), 0, "the second one");
        Native.close(first).expect("it is open");
        Native.close(second).expect("it is open");
        let third = open().expect("there are descriptors");
        assert_eq!(handle(CTRL_BREAK_EVENT), 1, "with all of them closed, everything begins anew");
        while !is_ready(&third) {}
        drop(third);
        assert_eq!(handle(CTRL_C_EVENT), 0);
    }
}
