//! Waiting until the guest is to be ended.

use crate::errno::Errno;
use crate::idle::Idle;
use crate::stop::StopHandle;
use crate::system::calls;
use crate::system::readiness::Readiness;
use selectio_platform::Interest;
use selectio_platform::for_hosts::Borrowed;
use std::time::Duration;

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

/// What may end a wait of the guest, beside what it waits for.
pub(crate) struct Cancellation {
    stop: Option<StopHandle>,
    pub(crate) idle: Option<Idle>,
}

impl Cancellation {
    pub(crate) fn new(stop: Option<StopHandle>, idle: Option<Duration>) -> Cancellation {
        Cancellation { stop, idle: idle.map(Idle::new) }
    }

    /// Whether a call that blocks would keep the guest from its end.
    pub(crate) fn has_end(&self) -> bool {
        self.stop.is_some()
    }

    /// The end of the guest, if it is to be ended.
    pub(crate) fn check_end(&self) -> Result<(), Failure> {
        match self.stop.as_ref().and_then(StopHandle::reason) {
            Some(reason) => Err(Failure::End(reason.into())),
            None => Ok(()),
        }
    }

    /// Waits until `fd` is ready, and returns how; never [`Readiness::None`].
    pub(crate) fn wait(&self, fd: Borrowed<'_>, interest: Interest) -> Result<Readiness, Failure> {
        loop {
            let ready = self.wait_for(fd, interest, None)?;
            if ready != Readiness::None {
                return Ok(ready);
            }
        }
    }

    /// Waits until `fd` is ready or the time is over. It may return earlier than that without anything.
    pub(crate) fn wait_for(
        &self,
        fd: Borrowed<'_>,
        interest: Interest,
        timeout: Option<Duration>,
    ) -> Result<Readiness, Failure> {
        let ready = calls::wait_for_one(fd, interest, self.wakeup(), timeout).map_err(Errno::from)?;
        self.check_end()?;
        Ok(ready)
    }

    /// What every wait is for, too.
    pub(crate) fn wakeup(&self) -> Option<Borrowed<'_>> {
        self.stop.as_ref().map(StopHandle::wakeup)
    }
}
