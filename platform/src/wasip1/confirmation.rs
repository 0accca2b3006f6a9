//! Hosts that report every subscription as ready as soon as one is, and how their reports are checked.
//!
//! wasi-common, the preview1 of Wasmtime up to 46 and of wasmi, does so. No handler may be called for an
//! event that did not happen, so there every report is confirmed by an attempt that doesn't block. What the
//! attempt takes (a connection, an error) is kept for the call that comes for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use super::hostcalls;
use super::subscription::{Direction, single};

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// What confirming took from the host.
#[derive(Default)]
struct Kept {
    /// By listener: which of the sockets listen, and the connection that was accepted.
    listeners: BTreeMap<wasi::Fd, Option<OwnedFd>>,
    /// By stream: an error is told by the host only once.
    errors: BTreeMap<wasi::Fd, wasi::Errno>,
    /// How often the host was tested on what is watched.
    test_count: usize,
}

/// Whether this host reports only what is ready, as soon as that is found out.
static IS_TRUTHFUL: OnceLock<bool> = OnceLock::new();

/// How often the host is tested on what is watched, when nothing comes of it: what is no stream can't be looked into,
/// and a stream on which bytes wait shows nothing.
const TEST_COUNT_MAX: usize = 32;

/// Notes that a preopened socket is a listener, and tests the host on it: a listener is never ready for writing, and
/// nothing is taken from it.
pub fn add_listener(listener: wasi::Fd) {
    KEPT.with_borrow_mut(|kept| kept.listeners.insert(listener, None));
    note_selectio();
    if IS_TRUTHFUL.get().is_none()
        && let Some(is_reported) = is_reported_beside_another(listener, Direction::Write)
    {
        let _ = IS_TRUTHFUL.set(!is_reported);
    }
}

/// This project's own host needs no test.
fn note_selectio() {
    if IS_TRUTHFUL.get().is_none() && hostcalls::is_selectio() {
        let _ = IS_TRUTHFUL.set(true);
    }
}

/// How many tests there were before this one, while nothing is known and there is a test left: a program to which the
/// host passes no listener finds it out on its streams.
pub fn next_test() -> Option<usize> {
    KEPT.with_borrow_mut(|kept| {
        if kept.test_count == 0 {
            note_selectio();
        }
        let is_due = IS_TRUTHFUL.get().is_none() && kept.test_count < TEST_COUNT_MAX;
        is_due.then(|| {
            kept.test_count += 1;
            kept.test_count - 1
        })
    })
}

/// Tests the host on a descriptor that is watched for reading.
pub fn test_host_on(fd: wasi::Fd) {
    let is_socket = hostcalls::fdstat(fd).is_ok_and(|stat| stat.fs_filetype == wasi::FILETYPE_SOCKET_STREAM);
    if !is_socket || is_listener(fd) {
        return;
    }
    let is_truthful = match is_reported_beside_another(fd, Direction::Read) {
        Some(false) => true,
        Some(true) if confirm_bytes(fd) == Some(false) => false,
        // Something waits on it, so the report is true; or nothing at all was ready, so that none is no wonder.
        _ => return,
    };
    let _ = IS_TRUTHFUL.set(is_truthful);
}

/// While nothing is known, the host is not trusted.
pub fn is_needed() -> bool {
    !IS_TRUTHFUL.get().copied().unwrap_or(false)
}

/// Whether the host reports a descriptor beside standard error, which practically always is ready for writing; `None`
/// when it is not, which shows nothing.
fn is_reported_beside_another(fd: wasi::Fd, direction: Direction) -> Option<bool> {
    const STDERR: wasi::Fd = 2;
    let mut events = [super::subscription::NO_EVENT; 3];
    let subscriptions = [
        single(STDERR, 0, Direction::Write),
        single(fd, 1, direction),
        super::subscription::clock(std::time::Duration::ZERO),
    ];
    let count = hostcalls::poll_oneoff(&subscriptions, &mut events).ok()?;
    let reported = |userdata| events[..count].iter().any(|event| event.userdata == userdata);
    reported(subscriptions[0].userdata()).then(|| reported(subscriptions[1].userdata()))
}

/// Whether an event is true. What proves it without a call is not asked again.
pub fn confirm(event: &wasi::Event, fd: wasi::Fd, direction: Direction) -> bool {
    let is_certain = event.error != wasi::ERRNO_SUCCESS
        || event.fd_readwrite.flags & wasi::EVENTRWFLAGS_FD_READWRITE_HANGUP != 0
        || (direction == Direction::Read && event.fd_readwrite.nbytes > 1);
    is_certain
        || match direction {
            Direction::Read if is_listener(fd) => confirm_connection(fd),
            Direction::Read => confirm_bytes(fd).unwrap_or_else(|| is_ready_alone(fd, direction)),
            Direction::Write => is_ready_alone(fd, direction),
        }
}

fn is_listener(fd: wasi::Fd) -> bool {
    KEPT.with_borrow(|kept| kept.listeners.contains_key(&fd))
}

fn confirm_connection(listener: wasi::Fd) -> bool {
    KEPT.with_borrow_mut(|kept| {
        let Some(accepted) = kept.listeners.get_mut(&listener) else { return true };
        if accepted.is_none() {
            match hostcalls::accept_raw(listener) {
                Ok(client) => *accepted = Some(client),
                Err(wasi::ERRNO_AGAIN) => return false,
                // Whatever is wrong, accept will say so again.
                Err(_) => {}
            }
        }
        true
    })
}

/// `None` for what is no socket and can't be looked into.
fn confirm_bytes(fd: wasi::Fd) -> Option<bool> {
    match hostcalls::peek(fd) {
        Ok(_) => Some(true),
        Err(wasi::ERRNO_AGAIN) => Some(false),
        Err(wasi::ERRNO_NOTSOCK | wasi::ERRNO_BADF | wasi::ERRNO_NOTSUP | wasi::ERRNO_INVAL) => None,
        Err(errno) => {
            // Looking at it has taken it away from the kernel.
            KEPT.with_borrow_mut(|kept| kept.errors.insert(fd, errno));
            Some(true)
        }
    }
}

/// A single subscription is reported as it is by every host.
fn is_ready_alone(fd: wasi::Fd, direction: Direction) -> bool {
    let mut events = [super::subscription::NO_EVENT; 2];
    let subscriptions = [single(fd, 0, direction), super::subscription::clock(std::time::Duration::ZERO)];
    match hostcalls::poll_oneoff(&subscriptions, &mut events) {
        Ok(count) => events[..count].iter().any(|event| event.userdata == subscriptions[0].userdata()),
        Err(_) => true,
    }
}

/// Calls `about` for each listener whose connection was accepted to confirm an event and nobody has taken yet.
pub fn each_listener_with_connection(mut about: impl FnMut(wasi::Fd)) {
    KEPT.with_borrow(|kept| {
        let waiting = kept.listeners.iter().filter(|(_, connection)| connection.is_some());
        waiting.for_each(|(&listener, _)| about(listener));
    });
}

/// The connection that was accepted to confirm an event of this listener.
pub fn take_connection(listener: wasi::Fd) -> Option<OwnedFd> {
    KEPT.with_borrow_mut(|kept| kept.listeners.get_mut(&listener)?.take())
}

/// The error that was taken to confirm an event of this stream.
pub fn take_error(stream: wasi::Fd) -> Option<io::Error> {
    KEPT.with_borrow_mut(|kept| kept.errors.remove(&stream)).map(hostcalls::to_error)
}

/// Forgets what was kept for a descriptor: its number may come again.
pub fn forget(fd: wasi::Fd) {
    let connection = KEPT.with_borrow_mut(|kept| {
        kept.errors.remove(&fd);
        kept.listeners.remove(&fd)
    });
    drop(connection);
}
