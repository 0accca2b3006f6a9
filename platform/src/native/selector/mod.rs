//! Waiting: which mechanism a program waits with.

pub mod fd_set;
mod select;

use std::io;
use std::time::{Duration, Instant};

use crate::error::no_such_backend;
use crate::{Backend, Selector};

/// A new selector that waits with `backend`.
pub fn new(backend: Backend) -> io::Result<Box<dyn Selector>> {
    match backend {
        Backend::Default | Backend::Select => Ok(Box::new(select::Select::new())),
        Backend::Epoll | Backend::Polling => Err(no_such_backend(backend, "this system")),
    }
}

/// Waits as `wait_once` does, and when a signal interrupts that, once more with the time that is left (C3). The clock
/// is read only where there is a time that could be left.
fn uninterrupted<T>(
    timeout: Option<Duration>,
    mut wait_once: impl FnMut(Option<Duration>) -> io::Result<T>,
) -> io::Result<T> {
    let limited = timeout.filter(|timeout| !timeout.is_zero());
    // `None` past the end of the clock is as good as for ever.
    let deadline = limited.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut left = timeout;
    loop {
        match wait_once(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                left = deadline.map_or(left, |deadline| Some(deadline.saturating_duration_since(Instant::now())));
            }
            answer => return answer,
        }
    }
}
