//! Windows, which waits for sockets alone.

pub(crate) mod calls;
pub(crate) mod errors;
pub(crate) mod inherit;
pub(crate) mod new_socket;
pub(crate) mod socket_file;
pub(crate) mod stdio;
pub(crate) mod vector;
