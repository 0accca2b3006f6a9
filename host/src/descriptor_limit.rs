//! The process's limit of open descriptors, which unix has.

/// Raises the soft limit to the hard one. The usual soft limit of 1,024 is
/// there for programs that use select(2); this one doesn't.
pub(crate) fn raise() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills in the structure that it is given.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the call only reads the structure. Should it fail, the old limit stays.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
}
