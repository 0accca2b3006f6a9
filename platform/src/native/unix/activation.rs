//! Sockets passed by a supervisor: `LISTEN_FDS`, `LISTEN_FDNAMES` and `LISTEN_PID`, as in
//! sd_listen_fds(3).

use std::env;
use std::io;
use std::os::fd::{AsFd, RawFd};

use super::syscalls;
use crate::native::sockets;
use crate::preopens::name_at;
use crate::{Descriptor, Preopen};

/// The first passed descriptor (`SD_LISTEN_FDS_START`).
const FIRST_FD: RawFd = 3;
/// More than any supervisor passes: a count from the environment is not to be trusted further.
const PASSED_MAX: RawFd = 4096;

/// The sockets that were passed to this very process.
pub fn discover() -> io::Result<Vec<Preopen>> {
    let mut preopens = Vec::new();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    for index in 0..count_for_this_process() {
        // A supervisor may pass files and pipes too; they are none of this program's sockets, and are left alone.
        let Some(fd) = syscalls::adopt_socket(FIRST_FD + index) else { continue };
        syscalls::set_nonblocking_and_cloexec(fd.as_fd())?;
        let is_listener = syscalls::socket_flag(&fd, libc::SO_ACCEPTCONN).unwrap_or(false);
        let (descriptor, name) = (Descriptor::from(fd), name_at(&names, index as usize));
        sockets::set_no_delay(&descriptor);
        preopens.push(Preopen { descriptor, name, is_listener });
    }
    Ok(preopens)
}

fn count_for_this_process() -> RawFd {
    // The variables are inherited by children that they were not meant for: the pid tells.
    let pid = env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok());
    if pid != Some(std::process::id()) {
        return 0;
    }
    let count = env::var("LISTEN_FDS").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    RawFd::min(count, PASSED_MAX)
}
