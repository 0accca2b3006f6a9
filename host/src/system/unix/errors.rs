//! The kernel's error numbers.

/// What accept says of a connection that is gone, to a guest too.
pub(crate) const CONNECTION_ABORTED: i32 = libc::ECONNABORTED;

/// What accept(2) says of a connection that failed while it waited, beside what guests know for that: it lists them, and
/// that a firewall may forbid it (EPERM).
pub(crate) const CONNECTION_GONE: &[i32] = &[
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::EOPNOTSUPP,
    libc::EPERM,
    #[cfg(target_os = "linux")]
    libc::ENONET,
];

/// The number that preview1 has for it, if it has one.
pub(crate) fn in_preview1(code: i32) -> Option<u16> {
    Some(match code {
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
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::errno::{Errno, accept_error};
    use std::io;

    fn accepting(code: i32) -> Errno {
        Errno::from(accept_error(io::Error::from_raw_os_error(code)))
    }

    #[test]
    fn a_connection_that_is_gone_is_no_error_of_the_listener() {
        const CONNABORTED: Errno = Errno(13);
        assert_eq!(accepting(libc::ECONNABORTED), CONNABORTED);
        for &code in super::CONNECTION_GONE {
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
