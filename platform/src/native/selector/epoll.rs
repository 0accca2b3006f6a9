//! `epoll(7)` as a mechanism: the set of interest lives in the kernel, so a wait costs what is ready.
//!
//! A descriptor that is watched for nothing is not in the kernel's set: a hang-up is told to whoever is in there,
//! asked for or not, and would end every wait.

use std::io;
use std::time::Duration;

use super::epoll_calls::{EpollSet, Event};
use super::watches::{Change, Told, Watches};
use super::{Mechanism, Source, uninterrupted};
use crate::error::{explained_as, nothing_to_wait_for};
use crate::{Found, Interest};

pub struct Epoll {
    set: EpollSet,
    watches: Watches,
    events: Vec<Event>,
}

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        Ok(Epoll { set: EpollSet::new()?, watches: Watches::default(), events: Vec::new() })
    }

    /// One system call: waits, and notes what is ready.
    fn wait_once(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        let count = self.set.wait(&mut self.events, timeout)?;
        let mut is_stale = false;
        for event in &self.events[..count] {
            is_stale |= !self.watches.note(event.token(), event.is_ready(), found);
            if let Some(ended) = event.has_ended() {
                self.watches.note_end(event.token(), ended, found);
            }
        }
        if is_stale {
            self.replace_set(found)?;
            if found.is_empty() {
                // Nothing has happened that anybody waits for.
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    }

    /// An event of a watch that is gone: its descriptor was closed before the watch ended, and a duplicate keeps it
    /// in the set, where nothing can name it any more. Only a new set is rid of it.
    fn replace_set(&mut self, found: &mut Found) -> io::Result<()> {
        self.set = EpollSet::new()?;
        self.watches.forget_told();
        self.watches.tell_changes(found, |change| tell(&self.set, change));
        Ok(())
    }
}

/// One system call for one change.
fn tell(set: &EpollSet, change: Change) -> io::Result<Told> {
    let Change { source, token, before, after } = change;
    let told = match (before.is_none(), after.is_none()) {
        (_, true) => set.delete(source, token),
        (true, false) => match set.add(source, token, after) {
            // It was left there by a watch whose descriptor was closed too early, and is the same file again.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => set.modify(source, token, after),
            added => added,
        },
        (false, false) => set.modify(source, token, after),
    };
    match told {
        Ok(()) => Ok(Told::Watched),
        // What the kernel has nothing to wait for in, such as a regular file.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(Told::AlwaysReady),
        Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
            let text = format!(
                "the kernel takes no more descriptors of this user ({error}): raise fs.epoll.max_user_watches, or \
                 close some"
            );
            Err(explained_as(io::ErrorKind::QuotaExceeded, text, error))
        }
        Err(error) => Err(error),
    }
}

impl Mechanism for Epoll {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn add(&mut self, source: Source, key: u64, interest: Interest) -> io::Result<()> {
        self.watches.add(source, key, interest, |change| tell(&self.set, change))
    }

    fn modify(&mut self, source: Source, interest: Interest) -> io::Result<()> {
        self.watches.modify(source, interest)
    }

    fn remove(&mut self, source: Source) -> io::Result<()> {
        // A duplicate elsewhere would keep it in the set after its close.
        self.watches.remove(source, |change| tell(&self.set, change))
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        if self.watches.is_idle() && timeout.is_none() {
            return Err(nothing_to_wait_for());
        }
        self.watches.begin(found, |change| tell(&self.set, change));
        self.events.resize_with(self.watches.event_count(), || Event::NONE);
        let timeout = if found.is_empty() { timeout } else { Some(Duration::ZERO) };
        uninterrupted(timeout, |left| self.wait_once(left, found))
    }
}
