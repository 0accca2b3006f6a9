//! Waiting within the time that the run may take.

use crate::errno::Errno;
use crate::error::Stop;
use crate::system::calls;
use crate::system::readiness::Readiness;
use selectio_platform::Interest;
use selectio_platform::for_hosts::Borrowed;
use std::time::{Duration, Instant};

/// How a host function fails: a number for the guest, or the end of the guest.
pub(crate) enum Failure {
    /// The guest gets this number and goes on.
    Errno(Errno),
    /// The guest ends.
    End(wasmtime::Error),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

/// The moment at which the guest's time is over, if there is one.
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(limit: Option<Duration>) -> Deadline {
        Deadline(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The time left (`None`: no limit), or the end of the guest.
    pub(crate) fn left(&self) -> Result<Option<Duration>, Failure> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(Failure::End(Stop::TimeLimit.into())),
        }
    }

    /// Waits until `fd` is ready, and returns how; never [`Readiness::None`].
    pub(crate) fn wait(&self, fd: Borrowed<'_>, interest: Interest) -> Result<Readiness, Failure> {
        loop {
            let left = self.left()?;
            let ready = calls::wait_for_one(fd, interest, left).map_err(Errno::from)?;
            if ready != Readiness::None {
                return Ok(ready);
            }
        }
    }
}
