//! Waiting: the mechanisms that a native program can wait with, and which of them it does.
//!
//! A mechanism works on the system's numbers, and [`ByDescriptor`] makes a selector of it. `select` and `epoll` are
//! each a file of their own, and `winsock` is the `select` of Windows; `polling` adapts the crate of that name, which knows the other systems' mechanisms; `moving`
//! starts with `select` and goes on with another one.

mod by_fd;
#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod moving;
mod polling;
#[cfg(all(test, unix))]
mod tests;
mod watches;

use std::env;
use std::ffi::OsStr;
use std::io;
use std::time::{Duration, Instant};

pub use by_fd::FdSelector;

use super::Borrowed;
use crate::error::explained_as;
use crate::{Backend, Descriptor, Found, Interest, Selector};

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        pub mod fd_set;
        mod select;
        mod single;

        use std::os::fd::{AsRawFd, RawFd};

        use select::Select;
        pub use single::wait;

        /// How the system names what is watched.
        type Source = RawFd;

        fn number(borrowed: Borrowed<'_>) -> Source {
            borrowed.as_raw_fd()
        }
    } else {
        mod winsock;

        use std::os::windows::io::{AsRawSocket, RawSocket};

        pub use winsock::wait;
        use winsock::Winsock as Select;

        /// How the system names what is watched.
        type Source = RawSocket;

        fn number(borrowed: Borrowed<'_>) -> Source {
            borrowed.as_raw_socket()
        }
    }
}

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        mod epoll;
        mod epoll_calls;

        /// It costs no more than `select` with one descriptor, and less with any more.
        fn system_default() -> io::Result<AnyMechanism> {
            epoll()
        }

        fn epoll() -> io::Result<AnyMechanism> {
            Ok(Box::new(epoll::Epoll::new()?))
        }
    } else if #[cfg(windows)] {
        /// It takes as many sockets as there are.
        fn system_default() -> io::Result<AnyMechanism> {
            Ok(Box::new(Select::new()))
        }

        fn epoll() -> io::Result<AnyMechanism> {
            Err(crate::error::no_such_backend(Backend::Epoll, "this system"))
        }
    } else {
        mod moving;

        fn system_default() -> io::Result<AnyMechanism> {
            Ok(Box::new(moving::Moving::new(polling, moving::WATCHES_MAX)))
        }

        fn epoll() -> io::Result<AnyMechanism> {
            Err(crate::error::no_such_backend(Backend::Epoll, "this system"))
        }
    }
}

fn source(descriptor: &Descriptor) -> io::Result<Source> {
    Ok(number(descriptor.fd()?))
}

/// Chooses the backend where the program doesn't, so that the same tests run on each.
const VARIABLE: &str = "SELECTIO_BACKEND";

/// A new selector that waits with `backend`.
pub fn new(backend: Backend) -> io::Result<Box<dyn Selector>> {
    let name = if backend == Backend::Default { env::var_os(VARIABLE) } else { None };
    let mechanism = match name.filter(|name| !name.is_empty()) {
        None => mechanism(backend)?,
        Some(name) => mechanism(named(&name)?).map_err(|error| {
            let text = format!("{VARIABLE} is {}: {error}", name.display());
            explained_as(error.kind(), text, error)
        })?,
    };
    Ok(Box::new(ByDescriptor(mechanism)))
}

fn mechanism(backend: Backend) -> io::Result<AnyMechanism> {
    match backend {
        Backend::Default => system_default(),
        Backend::Select => Ok(Box::new(Select::new())),
        Backend::Epoll => epoll(),
        Backend::Polling => polling(),
    }
}

fn polling() -> io::Result<AnyMechanism> {
    Ok(Box::new(polling::Polling::new()?))
}

fn named(name: &OsStr) -> io::Result<Backend> {
    match name.to_str() {
        Some("select") => Ok(Backend::Select),
        Some("epoll") => Ok(Backend::Epoll),
        Some("polling") => Ok(Backend::Polling),
        _ => {
            let text = format!(
                "{VARIABLE} is {}, which is no backend: set it to select, epoll or polling, or unset it",
                name.display()
            );
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// What [`Selector`] is, on the system's numbers.
trait Mechanism {
    fn name(&self) -> &'static str;
    fn add(&mut self, source: Source, key: u64, interest: Interest) -> io::Result<()>;
    fn modify(&mut self, source: Source, interest: Interest) -> io::Result<()>;
    fn remove(&mut self, source: Source) -> io::Result<()>;
    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()>;
}

type AnyMechanism = Box<dyn Mechanism + Send>;

/// A mechanism as a selector.
struct ByDescriptor(AnyMechanism);

impl Selector for ByDescriptor {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn add(&mut self, descriptor: &Descriptor, key: u64, interest: Interest) -> io::Result<()> {
        self.0.add(source(descriptor)?, key, interest)
    }

    fn modify(&mut self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        self.0.modify(source(descriptor)?, interest)
    }

    fn remove(&mut self, descriptor: &Descriptor) -> io::Result<()> {
        self.0.remove(source(descriptor)?)
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        found.clear();
        self.0.select(timeout, found)
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

/// Milliseconds for a system call that counts those, rounded up (C8); -1 waits for ever.
#[cfg(unix)]
fn in_milliseconds(timeout: Option<Duration>) -> libc::c_int {
    let rounded = timeout.map(|timeout| timeout.as_nanos().div_ceil(1_000_000));
    rounded.map_or(-1, |timeout| libc::c_int::try_from(timeout).unwrap_or(libc::c_int::MAX))
}
