//! The crate `polling` as a mechanism: kqueue, event ports, the completion port of Windows, epoll.

#![allow(unsafe_code, reason = "what is watched is known by its number; each block says why it is sound")]

use std::io;
use std::num::NonZeroUsize;
#[cfg(unix)]
use std::os::fd::BorrowedFd as Borrowed;
#[cfg(windows)]
use std::os::windows::io::BorrowedSocket as Borrowed;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::watches::{Change, Told, Watches};
use super::{Mechanism, Source, uninterrupted};
use crate::error::nothing_to_wait_for;
use crate::{Found, Interest};

/// Whether epoll is below, which has no place for regular files, and in which a duplicate keeps a descriptor that is
/// closed.
const IS_EPOLL: bool = cfg!(any(target_os = "linux", target_os = "android"));

pub struct Polling {
    poller: Poller,
    mode: PollMode,
    watches: Watches,
    events: Events,
}

impl Polling {
    pub fn new() -> io::Result<Polling> {
        let poller = Poller::new()?;
        // Event ports forget a descriptor when they have told about it.
        let mode = if poller.supports_level() { PollMode::Level } else { PollMode::Oneshot };
        Ok(Polling { poller, mode, watches: Watches::default(), events: Events::with_capacity(NonZeroUsize::MIN) })
    }

    /// Waits, and notes what is ready.
    fn wait_once(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        self.events.clear();
        let count = self.poller.wait(&mut self.events, timeout)?;
        let mut is_stale = false;
        for event in self.events.iter() {
            let is_ready = Interest { read: event.readable, write: event.writable };
            match self.watches.token_of_key(event.key) {
                Some(token) if self.watches.note(token, is_ready, found) => {
                    if self.mode == PollMode::Oneshot {
                        self.watches.note_forgotten(token);
                    }
                }
                _ => is_stale = true,
            }
        }
        if is_stale && IS_EPOLL {
            // As in `epoll.rs`: only a new set is rid of it.
            self.poller = Poller::new()?;
            self.watches.forget_told();
        }
        if count > 0 && found.is_empty() {
            // Nothing has happened that anybody waits for.
            self.watches.tell_changes(found, |change| tell(&self.poller, self.mode, change));
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

/// One change, which may take more than one system call.
fn tell(poller: &Poller, mode: PollMode, change: Change) -> io::Result<Told> {
    let Change { source, token, before, after } = change;
    let event = Event::new(token.0 as usize, after.read, after.write);
    let told = if after.is_none() {
        poller.delete(borrow(source))
    } else if !before.is_none() {
        poller.modify_with_mode(borrow(source), event, mode)
    } else if !IS_EPOLL && is_regular_file(source) {
        return Ok(Told::AlwaysReady);
    } else {
        // SAFETY: the watch ends, and takes the source out, before its descriptor is closed. Where somebody closes it
        // too early, the kernel answers an error to its number, or has forgotten it.
        match unsafe { poller.add_with_mode(source, event, mode) } {
            // It was left there by a watch whose descriptor was closed too early.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                poller.modify_with_mode(borrow(source), event, mode)
            }
            added => added,
        }
    };
    match told {
        Ok(()) => Ok(Told::Watched),
        Err(error) if IS_EPOLL && error.kind() == io::ErrorKind::PermissionDenied => Ok(Told::AlwaysReady),
        Err(error) => Err(error),
    }
}

fn borrow(source: Source) -> Borrowed<'static> {
    // SAFETY: it lives for one call only, in which nothing is closed, and is no negative number.
    unsafe { Borrowed::borrow_raw(source) }
}

/// kqueue finds a file ready as long as there is something to read, and event ports have no place for one; `select`
/// finds it always ready.
#[cfg(unix)]
fn is_regular_file(source: Source) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel writes one stat, which there is room for; a number that is not open is an error.
    if unsafe { libc::fstat(source, stat.as_mut_ptr()) } == -1 {
        return false;
    }
    // SAFETY: the call above was successful and has filled it.
    unsafe { stat.assume_init() }.st_mode & libc::S_IFMT == libc::S_IFREG
}

/// Windows waits for sockets only.
#[cfg(windows)]
fn is_regular_file(_source: Source) -> bool {
    false
}

impl Mechanism for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn add(&mut self, source: Source, key: u64, interest: Interest) -> io::Result<()> {
        self.watches.add(source, key, interest, |change| tell(&self.poller, self.mode, change))
    }

    fn modify(&mut self, source: Source, interest: Interest) -> io::Result<()> {
        self.watches.modify(source, interest)
    }

    fn remove(&mut self, source: Source) -> io::Result<()> {
        // Windows waits for ever for a socket that was closed while it was watched.
        self.watches.remove(source, |change| tell(&self.poller, self.mode, change))
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        if self.watches.is_idle() && timeout.is_none() {
            return Err(nothing_to_wait_for());
        }
        self.watches.begin(found, |change| tell(&self.poller, self.mode, change));
        let event_count = NonZeroUsize::new(self.watches.event_count()).unwrap_or(NonZeroUsize::MIN);
        if self.events.capacity() < event_count {
            self.events = Events::with_capacity(event_count);
        }
        let timeout = if found.is_empty() { timeout } else { Some(Duration::ZERO) };
        uninterrupted(timeout, |left| self.wait_once(left, found))
    }
}
