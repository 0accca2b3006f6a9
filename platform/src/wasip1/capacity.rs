//! How many subscriptions the host takes in one call (C9). It is found out by trying, and long before a wait could
//! fail for it: a wait that is refused would be an error of all descriptors at once.

use std::io;
use std::time::Duration;

use super::hostcalls;
use super::subscription::{NO_EVENT, clock};
use crate::explained_as;

/// No host is known to take less.
const SURE: usize = 65_536;

pub struct Capacity {
    /// The host takes so many.
    proven: usize,
    /// It has refused twice as many.
    is_limit: bool,
}

impl Capacity {
    pub fn new() -> Capacity {
        Capacity { proven: SURE, is_limit: false }
    }

    /// Makes sure that the host takes `needed` subscriptions at once, which costs a call at every doubling.
    ///
    /// # Errors
    /// `QuotaExceeded` when it does not.
    pub fn ensure(&mut self, needed: usize) -> io::Result<()> {
        self.ensure_by(needed, try_so_many)
    }

    fn ensure_by(&mut self, needed: usize, try_so_many: impl Fn(usize) -> io::Result<()>) -> io::Result<()> {
        while needed > self.proven {
            if self.is_limit {
                return Err(refused(self.proven, io::ErrorKind::QuotaExceeded.into()));
            }
            let count = self.proven * 2;
            try_so_many(count).map_err(|error| {
                self.is_limit = true;
                refused(self.proven, error)
            })?;
            self.proven = count;
        }
        Ok(())
    }
}

/// A poll that is over at once, whatever is watched.
fn try_so_many(count: usize) -> io::Result<()> {
    let subscriptions = vec![clock(Duration::ZERO); count];
    let mut events = vec![NO_EVENT; count];
    hostcalls::poll_oneoff(&subscriptions, &mut events).map(drop).map_err(hostcalls::to_error)
}

fn refused(proven: usize, error: io::Error) -> io::Error {
    let text = format!(
        "this host waits for {} descriptors at once and no more ({error}): close some, or run the program under \
         `selectio run`",
        proven / 2
    );
    explained_as(io::ErrorKind::QuotaExceeded, text, error)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_refusal_is_asked_for_once_and_leaves_the_rest_as_it_was() {
        let (mut capacity, asked) = (Capacity::new(), Cell::new(0));
        let at_most = |limit: usize| {
            let asked = &asked;
            move |count: usize| {
                asked.set(asked.get() + 1);
                if count > limit { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
            }
        };
        capacity.ensure_by(SURE, at_most(0)).expect("every host takes so many");
        capacity.ensure_by(SURE + 1, at_most(200_000)).expect("the host takes twice as many");
        assert_eq!(asked.get(), 1);
        for _ in 0..2 {
            let error = capacity.ensure_by(2 * SURE + 1, at_most(200_000)).expect_err("not four times as many");
            assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        }
        assert_eq!(asked.get(), 2);
        capacity.ensure_by(2 * SURE, at_most(0)).expect("what was proven stays");
    }

    #[test]
    fn this_host_takes_more_or_says_that_it_does_not() {
        if let Err(error) = Capacity::new().ensure(SURE + 1) {
            assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded, "{error}");
        }
    }
}
