//! Finding the sockets among the descriptors that the host opened.
//!
//! By file type, not by number and not by `fd_prestat_get`: hosts differ in whether directories or
//! sockets come first, and one calls its sockets directories.

use std::env;
use std::io;

use super::hostcalls;
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
        let is_listener = !hostcalls::is_stream(fd);
        preopens.push(Preopen { descriptor: hostcalls::adopt(fd).into(), name, is_listener });
    }
    Ok(preopens)
}
