//! Printable names for handles.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one socket or delegate for as long as the process lives: it is not used again, unlike the number of a
/// descriptor. Comes from [`AsyncSocket::id`](crate::AsyncSocket::id) and [`Delegate::id`](crate::Delegate::id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
