//! What unix has not, or has otherwise. Only sockets can be waited for together, so everything here is one.

pub mod activation;
pub mod errors;
pub mod pair;
pub mod signals;
pub mod socket_file;
pub mod stdin;
pub mod syscalls;

/// The same, lent.
pub use std::os::windows::io::BorrowedSocket as Borrowed;
/// What owns an open socket.
pub use std::os::windows::io::OwnedSocket as Owned;
/// What the system calls its options and errors.
pub use windows_sys::Win32::Networking::WinSock as names;
