//! The system's mechanism for programs whose descriptors are not [`Descriptor`](crate::Descriptor)s, such as a host
//! that runs other programs.

use std::io;
use std::time::Duration;

use super::{AnyMechanism, number, system_default};
use crate::native::Borrowed;
use crate::{Found, Interest};

/// A [`Selector`](crate::Selector) for descriptors that the caller keeps.
///
/// It waits with what suits the system, and knows a descriptor by its number alone: the caller removes it before that
/// number stands for anything else. Beside what every selector finds it tells of hang-ups ([`Found::ended`]) where the
/// mechanism does.
pub struct FdSelector(AnyMechanism);

impl FdSelector {
    /// One that watches nothing.
    ///
    /// # Errors
    /// What the kernel says when it has no room for one.
    pub fn new() -> io::Result<FdSelector> {
        Ok(FdSelector(system_default()?))
    }

    /// As [`Selector::add`](crate::Selector::add).
    ///
    /// # Errors
    /// Those that it names.
    pub fn add(&mut self, fd: Borrowed<'_>, key: u64, interest: Interest) -> io::Result<()> {
        self.0.add(number(fd), key, interest)
    }

    /// As [`Selector::modify`](crate::Selector::modify).
    ///
    /// # Errors
    /// Those that it names.
    pub fn modify(&mut self, fd: Borrowed<'_>, interest: Interest) -> io::Result<()> {
        self.0.modify(number(fd), interest)
    }

    /// As [`Selector::remove`](crate::Selector::remove).
    ///
    /// # Errors
    /// Those that it names.
    pub fn remove(&mut self, fd: Borrowed<'_>) -> io::Result<()> {
        self.0.remove(number(fd))
    }

    /// As [`Selector::select`](crate::Selector::select).
    ///
    /// # Errors
    /// Those that it names.
    pub fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        found.clear();
        self.0.select(timeout, found)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn found(selector: &mut FdSelector) -> Found {
        let mut found = Found::default();
        selector.select(Some(Duration::ZERO), &mut found).expect("there is something to wait for");
        found
    }

    #[test]
    fn a_peer_that_ends_one_direction_is_told_from_one_that_is_gone() {
        let (near, mut far) = UnixStream::pair().expect("two sockets");
        let mut selector = FdSelector::new().expect("a selector");
        selector.add(near.as_fd(), 7, Interest::BOTH).expect("it is not watched yet");
        far.write_all(b"x").expect("there is room");
        assert_eq!(found(&mut selector).ended, []);
        far.shutdown(Shutdown::Write).expect("it is connected");
        assert_eq!(found(&mut selector).ended, [(7, Interest::READ)]);
        drop(far);
        assert_eq!(found(&mut selector).ended, [(7, Interest::BOTH)]);
        selector.modify(near.as_fd(), Interest::WRITE).expect("it is watched");
        assert_eq!(found(&mut selector).ended, [(7, Interest::BOTH)]);
    }
}
