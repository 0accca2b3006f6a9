//! The error numbers of Winsock, and those of Windows that standard output has.

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE, ERROR_DISK_FULL, ERROR_INVALID_HANDLE, ERROR_NO_DATA,
    ERROR_NOT_ENOUGH_MEMORY,
};
use windows_sys::Win32::Networking::WinSock as winsock;

/// What accept says of a connection that is gone, to a guest too.
pub(crate) const CONNECTION_ABORTED: i32 = winsock::WSAECONNABORTED;

/// What accept says of a connection that failed while it waited, beside what guests know for that; without a peer that
/// could be named, it is unconnected.
pub(crate) const CONNECTION_GONE: &[i32] = &[winsock::WSAECONNRESET, winsock::WSAENOTCONN, winsock::WSAENETDOWN];

/// The number that preview1 has for it, if it has one.
pub(crate) fn in_preview1(code: i32) -> Option<u16> {
    of_winsock(code).or_else(|| of_windows(code.cast_unsigned()))
}

fn of_winsock(code: i32) -> Option<u16> {
    Some(match code {
        winsock::WSAEACCES => 2,
        winsock::WSAEWOULDBLOCK => 6,
        winsock::WSAEBADF => 8,
        winsock::WSAECONNABORTED => 13,
        winsock::WSAECONNREFUSED => 14,
        winsock::WSAECONNRESET => 15,
        winsock::WSAEDESTADDRREQ => 17,
        winsock::WSAEFAULT => 21,
        winsock::WSAEHOSTUNREACH => 23,
        winsock::WSAEINTR => 27,
        winsock::WSAEINVAL => 28,
        winsock::WSAEISCONN => 30,
        winsock::WSAEMFILE => 33,
        winsock::WSAEMSGSIZE => 35,
        winsock::WSAENETDOWN => 38,
        winsock::WSAENETRESET => 39,
        winsock::WSAENETUNREACH => 40,
        winsock::WSAENOBUFS => 42,
        winsock::WSAENOTCONN => 53,
        winsock::WSAENOTSOCK => 57,
        winsock::WSAEOPNOTSUPP => 58,
        winsock::WSAESHUTDOWN => 64,
        winsock::WSAETIMEDOUT => 73,
        _ => return None,
    })
}

fn of_windows(code: u32) -> Option<u16> {
    Some(match code {
        ERROR_ACCESS_DENIED => 2,
        ERROR_INVALID_HANDLE => 8,
        ERROR_NOT_ENOUGH_MEMORY => 48,
        ERROR_DISK_FULL => 51,
        ERROR_BROKEN_PIPE | ERROR_NO_DATA => 64,
        _ => return None,
    })
}
