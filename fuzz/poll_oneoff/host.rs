//! A host that answers as the fuzzer says.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;

use arbitrary::Arbitrary;

use crate::wasip1::subscription::Subscription;

/// What one call of the host comes to.
#[derive(Arbitrary, Debug)]
pub enum Answer {
    /// These events, each for one of the subscriptions.
    Events(Vec<Event>),
    /// The whole call fails.
    Error(u8),
}

#[derive(Arbitrary, Debug)]
pub struct Event {
    /// Which subscription it is for, or a number that nobody gave.
    subscription: Result<u8, u64>,
    error: u8,
    type_: u8,
    nbytes: u64,
    flags: u16,
}

thread_local! {
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// The answers of the calls to come, the last one first. After them the host has nothing to report.
pub fn set_answers(answers: Vec<Answer>) {
    ANSWERS.set(answers);
}

fn next_answer() -> Option<Answer> {
    ANSWERS.with_borrow_mut(Vec::pop)
}

pub fn poll_oneoff(subscriptions: &[Subscription], into: &mut [wasi::Event]) -> Result<usize, wasi::Errno> {
    assert!(!subscriptions.is_empty(), "hosts answer inval to this, or hang");
    assert!(into.len() >= subscriptions.len(), "room for every event");
    let events = match next_answer() {
        Some(Answer::Error(number)) if errno(number) != wasi::ERRNO_SUCCESS => return Err(errno(number)),
        Some(Answer::Events(events)) => events,
        _ => Vec::new(),
    };
    // No host gives more events than there are subscriptions.
    let count = events.len().min(subscriptions.len());
    for (place, event) in into.iter_mut().zip(events.into_iter().take(count)) {
        *place = to_wasi(&event, subscriptions);
    }
    Ok(count)
}

fn to_wasi(event: &Event, subscriptions: &[Subscription]) -> wasi::Event {
    let userdata = match event.subscription {
        Ok(index) => subscriptions[usize::from(index) % subscriptions.len()].userdata(),
        // Far above any that the platform gives: no host mixes those up.
        Err(number) => number | 1 << 40,
    };
    wasi::Event {
        userdata,
        error: errno(event.error),
        type_: [wasi::EVENTTYPE_CLOCK, wasi::EVENTTYPE_FD_READ, wasi::EVENTTYPE_FD_WRITE][usize::from(event.type_) % 3],
        fd_readwrite: wasi::EventFdReadwrite { nbytes: event.nbytes, flags: event.flags },
    }
}

/// Error numbers that hosts give for a wait or a look. They can't be made from plain numbers.
fn errno(number: u8) -> wasi::Errno {
    const NUMBERS: [wasi::Errno; 14] = [
        wasi::ERRNO_SUCCESS,
        wasi::ERRNO_AGAIN,
        wasi::ERRNO_BADF,
        wasi::ERRNO_CONNRESET,
        wasi::ERRNO_FAULT,
        wasi::ERRNO_INTR,
        wasi::ERRNO_INVAL,
        wasi::ERRNO_IO,
        wasi::ERRNO_NOSYS,
        wasi::ERRNO_NOTCAPABLE,
        wasi::ERRNO_NOTSOCK,
        wasi::ERRNO_NOTSUP,
        wasi::ERRNO_PERM,
        wasi::ERRNO_PIPE,
    ];
    NUMBERS[usize::from(number) % NUMBERS.len()]
}

/// What a number is; this host says nothing of it.
pub fn fdstat(_: wasi::Fd) -> Result<wasi::Fdstat, wasi::Errno> {
    Err(wasi::ERRNO_BADF)
}

/// It is another one than this project's, whose answers are not believed.
pub fn is_selectio() -> bool {
    false
}

/// Looking at a stream, to confirm an event.
pub fn peek(_: wasi::Fd) -> Result<usize, wasi::Errno> {
    match next_answer() {
        Some(Answer::Error(number)) if errno(number) != wasi::ERRNO_SUCCESS => Err(errno(number)),
        Some(Answer::Events(events)) => Ok(events.len().min(1)),
        _ => Err(wasi::ERRNO_AGAIN),
    }
}

/// Taking a connection, to confirm an event: this host's descriptors are streams.
pub fn accept_raw(_: wasi::Fd) -> Result<OwnedFd, wasi::Errno> {
    Err(wasi::ERRNO_AGAIN)
}

pub fn to_error(errno: wasi::Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw().into())
}
