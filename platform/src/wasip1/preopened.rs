//! Finding the sockets among the descriptors that the host opened.
//!
//! By file type, not by number and not by `fd_prestat_get`: hosts differ in whether directories or
//! sockets come first, and one calls its sockets directories.

use std::env;
use std::io;

use super::{confirmation, hostcalls};
use crate::Preopen;
use crate::preopens::name_at;

/// The first descriptor after the standard streams.
const FIRST_FD: wasi::Fd = 3;
/// Hosts number densely; so many unopened numbers in a row are the end.
const GAP_MAX: wasi::Fd = 8;
/// More than any host passes.
const FD_MAX: wasi::Fd = 65_536;

/// The sockets, in the host's order, made non-blocking.
pub fn discover() -> io::Result<Vec<Preopen>> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut preopens = Vec::new();
    let mut gap = 0;
    for fd in FIRST_FD..FD_MAX {
        let Ok(stat) = hostcalls::fdstat(fd) else {
            gap += 1;
            if gap == GAP_MAX {
                break;
            }
            continue;
        };
        gap = 0;
        if stat.fs_filetype != wasi::FILETYPE_SOCKET_STREAM {
            continue;
        }
        if stat.fs_flags & wasi::FDFLAGS_NONBLOCK == 0 {
            hostcalls::set_nonblocking(fd).map_err(hostcalls::to_error)?;
        }
        let name = name_at(&names, preopens.len());
        let is_listener = !is_stream(fd);
        if is_listener {
            confirmation::add_listener(fd);
        }
        preopens.push(Preopen { descriptor: hostcalls::adopt(fd).into(), name, is_listener });
    }
    Ok(preopens)
}

/// Whether looking at the next byte is something that this socket can do: a listener can't.
fn is_stream(fd: wasi::Fd) -> bool {
    // What was reset before the start is a stream too.
    matches!(hostcalls::peek(fd), Ok(_) | Err(wasi::ERRNO_AGAIN | wasi::ERRNO_CONNRESET | wasi::ERRNO_IO))
}
