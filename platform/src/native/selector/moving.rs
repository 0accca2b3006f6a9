//! A mechanism that starts as `select` and moves over to the system's own when that pays.
//!
//! With few descriptors nothing is cheaper than `select`; with many it costs most, and on some systems it takes none
//! above a certain number.

use std::io;
use std::time::Duration;

use super::{AnyMechanism, Mechanism, Select, Source};
use crate::native::syscalls;
use crate::{Found, Interest};

/// How many descriptors are watched with `select` at most. From there on even the dearest of the others is cheaper:
/// with the crate `polling` on Linux, which makes five system calls for each wait, an echo costs as much as with
/// `select` at 12 descriptors, and at 32 it costs 2 µs less.
pub const WATCHES_MAX: usize = 16;

/// Makes the mechanism to move over to.
type Make = fn() -> io::Result<AnyMechanism>;

pub struct Moving {
    now: Now,
    make: Make,
    watches_max: usize,
}

enum Now {
    Start(Select),
    Moved(AnyMechanism),
}

impl Moving {
    pub fn new(make: Make, watches_max: usize) -> Moving {
        Moving { now: Now::Start(Select::new()), make, watches_max }
    }

    fn mechanism(&mut self) -> &mut dyn Mechanism {
        match &mut self.now {
            Now::Start(select) => select,
            Now::Moved(mechanism) => &mut **mechanism,
        }
    }

    /// Takes all watches along. What a change is refused for, the next wait tells of each descriptor.
    fn move_over(&mut self) -> io::Result<()> {
        let Now::Start(select) = &self.now else { return Ok(()) };
        let mut mechanism = (self.make)()?;
        let mut moved = Ok(());
        select.each_watch(|source, key, interest| {
            let added = mechanism.add(source, key, Interest::NONE);
            let added = added.and_then(|()| mechanism.modify(source, interest));
            if added.is_err() {
                moved = added;
            }
        });
        moved?;
        self.now = Now::Moved(mechanism);
        Ok(())
    }
}

impl Mechanism for Moving {
    fn name(&self) -> &'static str {
        match &self.now {
            Now::Start(select) => select.name(),
            Now::Moved(mechanism) => mechanism.name(),
        }
    }

    fn add(&mut self, source: Source, key: u64, interest: Interest) -> io::Result<()> {
        if let Now::Start(select) = &self.now
            && (select.len() >= self.watches_max || syscalls::check_selectable(source).is_err())
        {
            self.move_over()?;
        }
        self.mechanism().add(source, key, interest)
    }

    fn modify(&mut self, source: Source, interest: Interest) -> io::Result<()> {
        self.mechanism().modify(source, interest)
    }

    fn remove(&mut self, source: Source) -> io::Result<()> {
        self.mechanism().remove(source)
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        self.mechanism().select(timeout, found)
    }
}
