//! `select(2)` as a mechanism: two sets of interest that live from call to call, and a copy of each that
//! the kernel answers in.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::fd_set::FdSet;
use super::{Mechanism, Source, uninterrupted};
use crate::error::{nothing_to_wait_for, watched_already};
use crate::native::syscalls;
use crate::{Found, Interest, Ready};

#[derive(Default)]
pub struct Select {
    /// The keys, indexed by descriptor number.
    watches: Vec<Option<u64>>,
    len: usize,
    /// One above the highest watched descriptor.
    fd_limit: RawFd,
    /// How many directions are watched, over all descriptors.
    interest_count: usize,
    read: FdSet,
    write: FdSet,
    readable: FdSet,
    writable: FdSet,
}

impl Select {
    pub fn new() -> Select {
        Select::default()
    }

    /// How many descriptors are watched.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Calls `about` with each watch.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    pub fn each_watch(&self, mut about: impl FnMut(Source, u64, Interest)) {
        for (fd, key) in (0..).zip(&self.watches) {
            if let Some(key) = key {
                about(fd, *key, Interest { read: self.read.contains(fd), write: self.write.contains(fd) });
            }
        }
    }

    fn is_watched(&self, fd: RawFd) -> bool {
        matches!(self.watches.get(fd as usize), Some(Some(_)))
    }

    fn set_interest(&mut self, fd: RawFd, interest: Interest) {
        let before = usize::from(self.read.contains(fd)) + usize::from(self.write.contains(fd));
        self.read.set(fd, interest.read);
        self.write.set(fd, interest.write);
        self.interest_count += usize::from(interest.read) + usize::from(interest.write);
        self.interest_count -= before;
    }

    fn forget(&mut self, fd: RawFd) {
        self.set_interest(fd, Interest::NONE);
        self.watches[fd as usize] = None;
        self.len -= 1;
        while self.fd_limit > 0 && !self.is_watched(self.fd_limit - 1) {
            self.fd_limit -= 1;
        }
    }

    /// One system call: waits and leaves the answer in `readable` and `writable`.
    fn wait_once(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.readable.copy_from(&self.read, self.fd_limit);
        self.writable.copy_from(&self.write, self.fd_limit);
        syscalls::select(self.fd_limit, &mut self.readable, &mut self.writable, timeout)
    }

    fn collect(&self, found: &mut Found) {
        self.readable.for_each_in_either(&self.writable, self.fd_limit, |fd| {
            if let Some(Some(key)) = self.watches.get(fd as usize) {
                let (readable, writable) = (self.readable.contains(fd), self.writable.contains(fd));
                found.ready.push(Ready { key: *key, readable, writable });
            }
        });
    }

    /// After EBADF for the whole call: finds whose descriptor is gone, and watches it no longer.
    fn collect_closed(&mut self, found: &mut Found) {
        let mut closed = Vec::new();
        self.read.for_each_in_either(&self.write, self.fd_limit, |fd| {
            if let (Some(Some(key)), false) = (self.watches.get(fd as usize), syscalls::is_open(fd)) {
                found.errors.push((*key, io::Error::from_raw_os_error(libc::EBADF)));
                closed.push(fd);
            }
        });
        for fd in closed {
            self.set_interest(fd, Interest::NONE);
        }
    }
}

impl Mechanism for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn add(&mut self, fd: Source, key: u64, interest: Interest) -> io::Result<()> {
        if self.is_watched(fd) {
            return Err(watched_already());
        }
        syscalls::check_selectable(fd)?;
        if self.watches.len() <= fd as usize {
            self.watches.resize(fd as usize + 1, None);
        }
        for set in [&mut self.read, &mut self.write, &mut self.readable, &mut self.writable] {
            set.reserve(fd);
        }
        self.watches[fd as usize] = Some(key);
        self.len += 1;
        self.fd_limit = self.fd_limit.max(fd + 1);
        self.set_interest(fd, interest);
        Ok(())
    }

    fn modify(&mut self, fd: Source, interest: Interest) -> io::Result<()> {
        if !self.is_watched(fd) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.set_interest(fd, interest);
        Ok(())
    }

    fn remove(&mut self, fd: Source) -> io::Result<()> {
        if !self.is_watched(fd) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.forget(fd);
        Ok(())
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        if self.interest_count == 0 && timeout.is_none() {
            return Err(nothing_to_wait_for());
        }
        match uninterrupted(timeout, |left| self.wait_once(left)) {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.collect(found);
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => {
                self.collect_closed(found);
                if found.is_empty() { Err(error) } else { Ok(()) }
            }
            Err(error) => Err(error),
        }
    }
}
