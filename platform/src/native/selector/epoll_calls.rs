//! The system calls of `epoll(7)`.

#![allow(unsafe_code, reason = "raw system calls; each block says why it is sound")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::in_milliseconds;
use super::watches::Token;
use crate::Interest;

/// A set of descriptors in the kernel.
pub struct EpollSet(OwnedFd);

/// What the kernel says about one descriptor.
#[repr(transparent)]
pub struct Event(libc::epoll_event);

impl Event {
    /// Room for the kernel to write one.
    pub const NONE: Event = Event(libc::epoll_event { events: 0, u64: 0 });

    pub fn token(&self) -> Token {
        Token(self.0.u64)
    }

    /// An error or a hang-up makes ready whatever was asked for (C10).
    pub fn is_ready(&self) -> Interest {
        let has = |flags: libc::c_int| self.0.events & (flags | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0;
        Interest { read: has(libc::EPOLLIN), write: has(libc::EPOLLOUT) }
    }

    /// The directions of a connection that have ended, if any has.
    pub fn has_ended(&self) -> Option<Interest> {
        let has = |flag: libc::c_int| self.0.events & flag as u32 != 0;
        match (has(libc::EPOLLHUP), has(libc::EPOLLRDHUP)) {
            (true, _) => Some(Interest::BOTH),
            (false, true) => Some(Interest::READ),
            (false, false) => None,
        }
    }
}

impl EpollSet {
    pub fn new() -> io::Result<EpollSet> {
        // SAFETY: epoll_create1 takes no pointer.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just made it, and nobody else knows it.
        Ok(EpollSet(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub fn add(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub fn modify(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    pub fn delete(&self, fd: RawFd, token: Token) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, token, Interest::NONE)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        let read = if interest.read { libc::EPOLLIN | libc::EPOLLRDHUP } else { 0 };
        let write = if interest.write { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event { events: (read | write) as u32, u64: token.0 };
        // SAFETY: the kernel reads one event, which outlives the call; a number that is not open is an error.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    /// Waits, and says how many events the kernel has written at the start of `events`.
    pub fn wait(&self, events: &mut [Event], timeout: Option<Duration>) -> io::Result<usize> {
        match timeout {
            Some(timeout) if !timeout.is_zero() => self.wait_limited(events, timeout),
            _ => self.wait_milliseconds(events, timeout),
        }
    }

    fn wait_milliseconds(&self, events: &mut [Event], timeout: Option<Duration>) -> io::Result<usize> {
        let (room, timeout_ms) = (room(events), in_milliseconds(timeout));
        // SAFETY: the kernel writes at most `room` events, and `Event` is nothing but one of its own.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr().cast(), room, timeout_ms) };
        check(count).map(|count| count as usize)
    }

    /// With nanoseconds where the kernel counts them: Linux since 5.11.
    #[cfg(target_os = "linux")]
    fn wait_limited(&self, events: &mut [Event], timeout: Duration) -> io::Result<usize> {
        use std::sync::atomic::{AtomicBool, Ordering};

        static HAS_NANOSECONDS: AtomicBool = AtomicBool::new(true);
        if HAS_NANOSECONDS.load(Ordering::Relaxed) {
            match self.wait_nanoseconds(events, timeout) {
                // Older sandboxes answer EPERM to a system call that they don't know.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    HAS_NANOSECONDS.store(false, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        self.wait_milliseconds(events, Some(timeout))
    }

    /// Android's sandbox ends a program for a system call that it doesn't know.
    #[cfg(not(target_os = "linux"))]
    fn wait_limited(&self, events: &mut [Event], timeout: Duration) -> io::Result<usize> {
        self.wait_milliseconds(events, Some(timeout))
    }

    /// `epoll_pwait2(2)`, which not every C library has.
    #[cfg(target_os = "linux")]
    fn wait_nanoseconds(&self, events: &mut [Event], timeout: Duration) -> io::Result<usize> {
        /// The kernel's own timespec: 64 bits wide on every machine.
        #[repr(C)]
        struct Timespec {
            seconds: i64,
            nanoseconds: i64,
        }
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec { seconds, nanoseconds: i64::from(timeout.subsec_nanos()) };
        let no_signals = std::ptr::null::<libc::sigset_t>();
        // SAFETY: the kernel writes at most as many events as there is room for, and reads one timespec, which
        // outlives the call; without a set of signals its size does not matter.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                room(events),
                &raw const timeout,
                no_signals,
                0_usize,
            )
        };
        check(count as libc::c_int).map(|count| count as usize)
    }
}

fn room(events: &[Event]) -> libc::c_int {
    libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX)
}

fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
