//! A wait for one descriptor with `poll(2)`, which needs no set and knows no highest number.

#![allow(unsafe_code, reason = "one system call")]

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::{in_milliseconds, uninterrupted};
use crate::error::nothing_to_wait_for;
use crate::{Descriptor, Interest};

/// Waits for `descriptor`, and answers whether it is ready.
pub fn wait(descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
    let mut events = 0;
    if interest.read {
        events |= libc::POLLIN;
    }
    if interest.write {
        events |= libc::POLLOUT;
    }
    if interest.is_none() && timeout.is_none() {
        return Err(nothing_to_wait_for());
    }
    // A negative number is left out; a real one would be told of a hang-up that nobody asks for.
    let fd = if interest.is_none() { -1 } else { descriptor.fd()?.as_raw_fd() };
    let answer = uninterrupted(timeout, |left| {
        let mut asked = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: the kernel reads and writes one pollfd, which outlives the call.
        let count = unsafe { libc::poll(&raw mut asked, 1, in_milliseconds(left)) };
        if count == -1 { Err(io::Error::last_os_error()) } else { Ok(asked.revents) }
    })?;
    if answer & libc::POLLNVAL != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(answer != 0)
}
