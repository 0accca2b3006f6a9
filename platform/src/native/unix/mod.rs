//! What Windows has not, or has otherwise.

pub mod activation;
pub mod errors;
pub mod pair;
pub mod signals;
pub mod socket_file;
pub mod stdin;
pub mod syscalls;

/// What the system calls its options and errors.
pub use libc as names;
/// The same, lent.
pub use std::os::fd::BorrowedFd as Borrowed;
/// What owns an open socket.
pub use std::os::fd::OwnedFd as Owned;
