//! An epoll set kept in step with the array that the guest passes.
//!
//! A guest passes the same array again and again, with a clock or a few
//! sockets changed. So the array is compared with the last one, and only where
//! it differs is the kernel told: a wait costs one system call, and an idle
//! socket costs the comparison of its 48 bytes.

use super::subscription::{self, EVENT_SIZE, Interest, Outcome, Record};
use crate::clock::MonotonicClock;
use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::shutdown::SHUTDOWN_FD;
use crate::sys::{self, EpollEvent};
use crate::waiting::{Deadline, Failure};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use wasmtime_wasi::clocks::HostMonotonicClock;

/// Records compared at once; 3 KiB stay in the first-level cache.
const COMPARED_AT_ONCE: usize = 64;

/// The end of a chain of subscriptions.
const NONE: u32 = u32::MAX;

const READ: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP) as u32;
const WRITE: u32 = libc::EPOLLOUT as u32;
const HANGUP: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP) as u32;
/// Reported whether asked for or not.
const ALWAYS: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// What the set knows of one descriptor number of the guest.
#[derive(Clone, Copy)]
struct Watch {
    /// The events that the kernel has been told to look for; 0: not in the set.
    registered: u32,
    /// The events that the current array asks for.
    wanted: u32,
    /// The first subscription for this number; the rest follow in `next`.
    first: u32,
    /// Epoll refuses it: a regular file, which is always ready.
    unpollable: bool,
}

const UNWATCHED: Watch = Watch { registered: 0, wanted: 0, first: NONE, unpollable: false };

/// The guest's subscriptions and the kernel's view of them.
pub(crate) struct WaitSet {
    epoll: OwnedFd,
    /// Whether the kernel knows the wait in nanoseconds.
    exact: bool,
    /// The array of the last call.
    records: Vec<Record>,
    /// The state of the descriptor table that the set reflects, if it does.
    version: Option<u64>,
    /// By [`slot`] of the guest's descriptor number.
    watches: Vec<Watch>,
    /// For each subscription the next one on the same descriptor.
    next: Vec<u32>,
    /// The subscriptions that are clocks.
    clocks: Vec<u32>,
    /// When each of them is due, in this call.
    due: Vec<u64>,
    /// Subscriptions that need no waiting: bad numbers and files.
    settled: Vec<Outcome>,
    arrived: Vec<EpollEvent>,
    outcomes: Vec<Outcome>,
}

impl WaitSet {
    pub(crate) fn new() -> io::Result<WaitSet> {
        Ok(WaitSet {
            epoll: sys::epoll_create()?,
            exact: true,
            records: Vec::new(),
            version: None,
            watches: Vec::new(),
            next: Vec::new(),
            clocks: Vec::new(),
            due: Vec::new(),
            settled: Vec::new(),
            arrived: Vec::new(),
            outcomes: Vec::new(),
        })
    }

    /// Takes over the guest's array.
    pub(crate) fn follow(&mut self, array: &[Record], descriptors: &Descriptors) -> Result<(), Errno> {
        let version = Some(descriptors.version());
        if self.version == version && self.differs_in_clocks_only(array) {
            return Ok(());
        }
        self.version = None;
        self.records.clear();
        self.records.extend_from_slice(array);
        self.collect(descriptors)?;
        self.register(descriptors);
        self.version = version;
        Ok(())
    }

    /// Compares with the last array, and takes over clocks that have changed.
    fn differs_in_clocks_only(&mut self, array: &[Record]) -> bool {
        if self.records.len() != array.len() {
            return false;
        }
        let ours = self.records.chunks_mut(COMPARED_AT_ONCE);
        for (ours, theirs) in ours.zip(array.chunks(COMPARED_AT_ONCE)) {
            if ours == theirs {
                continue;
            }
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                if ours != theirs {
                    if !subscription::both_clocks(ours, theirs) {
                        return false;
                    }
                    *ours = *theirs;
                }
            }
        }
        true
    }

    /// Sorts the subscriptions by what they wait for.
    fn collect(&mut self, descriptors: &Descriptors) -> Result<(), Errno> {
        self.clocks.clear();
        self.settled.clear();
        self.next.clear();
        self.next.resize(self.records.len(), NONE);
        for watch in &mut self.watches {
            watch.wanted = 0;
            watch.first = NONE;
        }
        for (index, record) in (0..).zip(&self.records) {
            let (fd, events) = match subscription::interest(record)? {
                Interest::Clock => {
                    self.clocks.push(index);
                    continue;
                }
                Interest::Read(fd) => (fd, READ),
                Interest::Write(fd) => (fd, WRITE),
            };
            let outcome = match descriptors.get(fd) {
                Ok(Descriptor::Socket(_) | Descriptor::Stdio(_)) => None,
                Ok(Descriptor::Shutdown(request)) if events == READ => {
                    request.note_awaited();
                    None
                }
                Ok(Descriptor::Shutdown(_)) => Some(Outcome::failed(index, Errno::BADF)),
                Ok(Descriptor::File(_)) => Some(Outcome::ready(index)),
                Err(error) => Some(Outcome::failed(index, error)),
            };
            if let Some(outcome) = outcome {
                self.settled.push(outcome);
                continue;
            }
            let slot = slot(fd);
            if self.watches.len() <= slot {
                self.watches.resize(slot + 1, UNWATCHED);
            }
            let watch = &mut self.watches[slot];
            watch.wanted |= events;
            self.next[index as usize] = watch.first;
            watch.first = index;
        }
        Ok(())
    }

    /// Tells the kernel where the wanted events differ from the registered ones.
    fn register(&mut self, descriptors: &Descriptors) {
        let mut registered = 0;
        for (slot, watch) in self.watches.iter_mut().enumerate() {
            if watch.wanted != watch.registered && !watch.unpollable {
                let operation = match (watch.registered, watch.wanted) {
                    (0, _) => libc::EPOLL_CTL_ADD,
                    (_, 0) => libc::EPOLL_CTL_DEL,
                    (_, _) => libc::EPOLL_CTL_MOD,
                };
                let Some(fd) = kernel_fd(descriptors, slot) else {
                    continue;
                };
                let (epoll, wanted) = (self.epoll.as_fd(), watch.wanted);
                match sys::epoll_control(epoll, operation, fd, wanted, slot as u64) {
                    Ok(()) => watch.registered = watch.wanted,
                    Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                        watch.unpollable = true;
                    }
                    // The kernel's limit of watches, or its memory: this one's own error.
                    Err(error) => {
                        let error = Errno::from(error);
                        for index in chain(watch.first, &self.next) {
                            self.settled.push(Outcome::failed(index, error));
                        }
                    }
                }
            }
            if watch.unpollable {
                let all = chain(watch.first, &self.next).map(Outcome::ready);
                self.settled.extend(all);
            }
            registered += usize::from(watch.registered != 0);
        }
        self.arrived.clear();
        self.arrived.reserve(registered.max(1));
    }

    /// To be called before the number `fd` stands for something else.
    pub(crate) fn forget(&mut self, fd: u32, descriptor: &Descriptor) {
        let Some(watch) = self.watches.get_mut(slot(fd)) else {
            return;
        };
        // Closing would do, were it certain that no other process shares the socket.
        if watch.registered != 0
            && let Some(kernel_fd) = descriptor.kernel_fd()
        {
            let (epoll, operation) = (self.epoll.as_fd(), libc::EPOLL_CTL_DEL);
            // It fails only for what is not in the set, which is the aim.
            let _ = sys::epoll_control(epoll, operation, kernel_fd, 0, 0);
        }
        *watch = UNWATCHED;
    }

    /// Waits until at least one subscription is ready.
    pub(crate) fn wait(&mut self, clock: &MonotonicClock, deadline: &Deadline) -> Result<(), Failure> {
        self.outcomes.clear();
        self.outcomes.extend_from_slice(&self.settled);
        self.set_clocks(clock);
        loop {
            let timeout = self.timeout(clock, deadline)?;
            self.ask_kernel(timeout)?;
            self.sort_arrivals();
            self.ring_clocks(clock);
            if !self.outcomes.is_empty() {
                self.outcomes.sort_unstable_by_key(|outcome| outcome.index);
                return Ok(());
            }
        }
    }

    /// The events for what [`Self::wait`] has found.
    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = [u8; EVENT_SIZE]> {
        self.outcomes.iter().map(|outcome| subscription::event(&self.records[outcome.index as usize], outcome))
    }

    fn set_clocks(&mut self, clock: &MonotonicClock) {
        self.due.clear();
        for &index in &self.clocks {
            let due = subscription::due(&self.records[index as usize], clock);
            self.due.push(due.unwrap_or(u64::MAX));
            if let Err(error) = due {
                self.outcomes.push(Outcome::failed(index, error));
            }
        }
    }

    /// How long the kernel may wait; `None`: for ever.
    fn timeout(&self, clock: &MonotonicClock, deadline: &Deadline) -> Result<Option<Duration>, Failure> {
        let left = deadline.left()?;
        if !self.outcomes.is_empty() {
            return Ok(Some(Duration::ZERO));
        }
        let Some(&due) = self.due.iter().min() else {
            return Ok(left);
        };
        let until_due = Duration::from_nanos(due.saturating_sub(clock.now()));
        Ok(Some(left.map_or(until_due, |left| left.min(until_due))))
    }

    fn ask_kernel(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        let epoll = self.epoll.as_fd();
        match sys::epoll_wait(epoll, &mut self.arrived, timeout, self.exact) {
            Err(error) if self.exact && error.raw_os_error() == Some(libc::ENOSYS) => {
                self.exact = false;
                Ok(sys::epoll_wait(epoll, &mut self.arrived, timeout, false)?)
            }
            result => Ok(result?),
        }
    }

    /// Finds the subscriptions for the descriptors that the kernel has named.
    fn sort_arrivals(&mut self) {
        for event in &self.arrived {
            let (events, slot) = (event.events, event.u64 as usize);
            for index in chain(self.watches[slot].first, &self.next) {
                let (asked, hung_up) = match subscription::is_write(&self.records[index as usize]) {
                    true => (WRITE, libc::EPOLLHUP as u32),
                    false => (READ, HANGUP),
                };
                if events & (asked | ALWAYS) != 0 {
                    let hangup = events & hung_up != 0;
                    self.outcomes.push(Outcome { hangup, ..Outcome::ready(index) });
                }
            }
        }
    }

    fn ring_clocks(&mut self, clock: &MonotonicClock) {
        if self.due.is_empty() {
            return;
        }
        let now = clock.now();
        for (&index, &due) in self.clocks.iter().zip(&self.due) {
            if due <= now {
                self.outcomes.push(Outcome::ready(index));
            }
        }
    }
}

/// The subscriptions on one descriptor.
fn chain(first: u32, next: &[u32]) -> impl Iterator<Item = u32> {
    let existing = |index: u32| (index != NONE).then_some(index);
    std::iter::successors(existing(first), move |&index| existing(next[index as usize]))
}

/// The place of a descriptor number among the watches. The one number that is
/// far from all others comes first.
fn slot(fd: u32) -> usize {
    match fd {
        SHUTDOWN_FD => 0,
        _ => fd as usize + 1,
    }
}

fn kernel_fd(descriptors: &Descriptors, slot: usize) -> Option<BorrowedFd<'_>> {
    let fd = match slot {
        0 => SHUTDOWN_FD,
        _ => u32::try_from(slot - 1).ok()?,
    };
    descriptors.get(fd).ok()?.kernel_fd()
}
