//! Error numbers of preview1, and what the kernel's numbers become in them.

use std::io;

/// An error number as a preview1 function returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) u16);

impl Errno {
    pub(crate) const AGAIN: Errno = Errno(6);
    pub(crate) const BADF: Errno = Errno(8);
    pub(crate) const FAULT: Errno = Errno(21);
    pub(crate) const INVAL: Errno = Errno(28);
    pub(crate) const IO: Errno = Errno(29);
    pub(crate) const MFILE: Errno = Errno(33);
    pub(crate) const NOTDIR: Errno = Errno(54);
    pub(crate) const NOTSOCK: Errno = Errno(57);
    pub(crate) const NOTSUP: Errno = Errno(58);
    pub(crate) const SPIPE: Errno = Errno(70);
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        error.raw_os_error().map_or(Errno::IO, from_kernel)
    }
}

/// What accept(2) has reported, as the guest is to take it.
///
/// Linux passes on errors of the network that belong to the one connection that
/// is accepted; accept(2) lists them, and that a firewall may forbid it (EPERM).
/// Guests know several of them for what they are: that client is gone, the next
/// one may be waiting. The others would look like the listener's own end.
pub(crate) fn accept_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EPROTO | libc::ENOPROTOOPT | libc::EHOSTDOWN | libc::ENONET | libc::EOPNOTSUPP | libc::EPERM) => {
            io::Error::from_raw_os_error(libc::ECONNABORTED)
        }
        _ => error,
    }
}

/// What a call on a socket, a pipe or a terminal can report. Anything else is
/// an input/output error to the guest: stock hosts made a trap of it, which let
/// one odd connection end a server.
fn from_kernel(code: i32) -> Errno {
    Errno(match code {
        libc::EACCES => 2,
        libc::EAGAIN => 6,
        libc::EBADF => 8,
        libc::ECONNABORTED => 13,
        libc::ECONNREFUSED => 14,
        libc::ECONNRESET => 15,
        libc::EDESTADDRREQ => 17,
        libc::EDQUOT => 19,
        libc::EFAULT => 21,
        libc::EFBIG => 22,
        libc::EHOSTUNREACH => 23,
        libc::EINTR => 27,
        libc::EINVAL => 28,
        libc::EISCONN => 30,
        libc::EISDIR => 31,
        libc::EMFILE => 33,
        libc::EMSGSIZE => 35,
        libc::ENETDOWN => 38,
        libc::ENETRESET => 39,
        libc::ENETUNREACH => 40,
        libc::ENFILE => 41,
        libc::ENOBUFS => 42,
        libc::ENOMEM => 48,
        libc::ENOSPC => 51,
        libc::ENOTCONN => 53,
        libc::ENOTSOCK => 57,
        libc::EOPNOTSUPP => 58,
        libc::ENXIO => 60,
        libc::EPERM => 63,
        libc::EPIPE => 64,
        libc::EPROTO => 65,
        libc::ESPIPE => 70,
        libc::ETIMEDOUT => 73,
        _ => return Errno::IO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(code: i32) -> Errno {
        Errno::from(accept_error(io::Error::from_raw_os_error(code)))
    }

    #[test]
    fn a_connection_that_is_gone_is_no_error_of_the_listener() {
        const CONNABORTED: Errno = Errno(13);
        for code in [
            libc::ECONNABORTED,
            libc::EPROTO,
            libc::ENOPROTOOPT,
            libc::EHOSTDOWN,
            libc::ENONET,
            libc::EOPNOTSUPP,
            libc::EPERM,
        ] {
            assert_eq!(accepting(code), CONNABORTED, "{code}");
        }
        assert_eq!(accepting(libc::EHOSTUNREACH), Errno(23));
        assert_eq!(accepting(libc::ENETDOWN), Errno(38));
        assert_eq!(accepting(libc::ENETUNREACH), Errno(40));
    }

    #[test]
    fn what_is_wrong_with_the_host_or_the_listener_stays_what_it_is() {
        assert_eq!(accepting(libc::EAGAIN), Errno::AGAIN);
        assert_eq!(accepting(libc::EINVAL), Errno::INVAL);
        assert_eq!(accepting(libc::EMFILE), Errno::MFILE);
        assert_eq!(accepting(libc::ENFILE), Errno(41));
        assert_eq!(accepting(libc::ENOBUFS), Errno(42));
        assert_eq!(accepting(libc::ENOMEM), Errno(48));
    }
}
