//! What the subscriptions of an array wait for, by descriptor number.

use super::subscription::Outcome;
use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::shutdown::Channel;
use crate::socket::Role;
use crate::waiting::Cancellation;
use selectio_platform::for_hosts::{Borrowed, FdSelector};
use selectio_platform::{Found, Interest};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The end of a chain of subscriptions.
const NONE: u32 = u32::MAX;

/// What the selector answers with when the guest is to be ended.
const WAKEUP: u64 = u64::MAX;

/// What a descriptor number comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The kernel says when it is ready.
    InKernel,
    /// As above, but for reading only: a request to end can't be written to.
    ReadOnlyInKernel,
    /// A listener from which connections are kept away.
    NeverReady,
    /// A file, for one.
    AlwaysReady,
    Failed(Errno),
}

/// One descriptor number that subscriptions name.
struct Watch {
    fd: u32,
    /// The first subscription for this number; the rest follow by their links.
    first: u32,
    readers: u32,
    writers: u32,
    state: State,
    /// The selector has it.
    is_registered: bool,
    /// It is to be looked at before the next wait.
    is_stale: bool,
    /// Its place among those that need no waiting.
    settled_at: Option<u32>,
    is_listener: bool,
    /// What the wait has found out about hang-ups.
    ended: Interest,
}

/// The neighbours of a subscription among those for the same number.
#[derive(Clone, Copy)]
struct Link {
    watch: u32,
    previous: u32,
    next: u32,
    is_write: bool,
}

const UNLINKED: Link = Link { watch: NONE, previous: NONE, next: NONE, is_write: false };

pub(crate) struct Watches {
    selector: FdSelector,
    /// Says when connections are to be kept away.
    shutdown: Option<Arc<Channel>>,
    found: Found,
    watches: Vec<Watch>,
    unused: Vec<u32>,
    /// Hashed with a secret: the guest chooses the numbers, open or not.
    by_fd: HashMap<u32, u32>,
    /// By position in the array.
    links: Vec<Link>,
    /// Those that are to be looked at before the next wait, and those that are looked at just now.
    stale: Vec<u32>,
    looked_at: Vec<u32>,
    /// Those with subscriptions that need no waiting.
    settled: Vec<u32>,
    /// How many listeners the selector has.
    listeners: usize,
}

impl Watches {
    pub(crate) fn new(cancellation: &Cancellation, shutdown: Option<Arc<Channel>>) -> io::Result<Watches> {
        let mut selector = FdSelector::new()?;
        if let Some(wakeup) = cancellation.wakeup() {
            selector.add(wakeup, WAKEUP, Interest::READ)?;
        }
        Ok(Watches {
            selector,
            shutdown,
            found: Found::default(),
            watches: Vec::new(),
            unused: Vec::new(),
            by_fd: HashMap::new(),
            links: Vec::new(),
            stale: Vec::new(),
            looked_at: Vec::new(),
            settled: Vec::new(),
            listeners: 0,
        })
    }

    /// Listeners are not waited for any more.
    pub(crate) fn keeps_connections_away(&self) -> bool {
        keeps_connections_away(&self.shutdown)
    }

    /// Whether the wait is for connections too.
    pub(crate) fn has_listener(&self) -> bool {
        self.listeners > 0
    }

    /// What its buffers come to.
    pub(crate) fn bytes(&self) -> usize {
        let by_fd = size_of::<(u32, u32)>() * self.by_fd.capacity();
        size_of::<Watch>() * self.watches.capacity() + size_of::<Link>() * self.links.capacity() + by_fd
    }

    /// Takes in the subscription in this position of the array.
    pub(crate) fn attach(&mut self, position: u32, fd: u32, is_write: bool) {
        let index = self.watch_of(fd);
        let watch = &mut self.watches[index as usize];
        let count = if is_write { &mut watch.writers } else { &mut watch.readers };
        *count += 1;
        let is_first = *count == 1;
        let next = std::mem::replace(&mut watch.first, position);
        if next != NONE {
            self.links[next as usize].previous = position;
        }
        if self.links.len() <= position as usize {
            self.links.resize(position as usize + 1, UNLINKED);
        }
        self.links[position as usize] = Link { watch: index, previous: NONE, next, is_write };
        if is_first {
            self.note_stale(index);
        }
    }

    /// Lets go the subscription in this position, which was taken in.
    pub(crate) fn detach(&mut self, position: u32) {
        let Link { watch: index, previous, next, is_write } = self.links[position as usize];
        let watch = &mut self.watches[index as usize];
        let count = if is_write { &mut watch.writers } else { &mut watch.readers };
        *count -= 1;
        let is_last = *count == 0;
        match previous {
            NONE => watch.first = next,
            previous => self.links[previous as usize].next = next,
        }
        if next != NONE {
            self.links[next as usize].previous = previous;
        }
        if is_last {
            self.note_stale(index);
        }
    }

    /// The array is no longer than this.
    pub(crate) fn shrink_to(&mut self, length: usize) {
        self.links.truncate(length);
    }

    /// To be called before the number stands for something else, while `descriptor` is what it stands for.
    pub(crate) fn forget(&mut self, fd: u32, descriptor: &Descriptor) {
        let Some(&index) = self.by_fd.get(&fd) else { return };
        let watch = &mut self.watches[index as usize];
        if watch.is_registered
            && let Ok(Some(source)) = descriptor.source()
        {
            // It fails only for what is not there, which is the aim.
            let _ = self.selector.remove(source);
            watch.is_registered = false;
            self.listeners -= usize::from(watch.is_listener);
        }
        self.note_stale(index);
    }

    /// To be called when the number stands for something.
    pub(crate) fn note_opened(&mut self, fd: u32) {
        if let Some(&index) = self.by_fd.get(&fd) {
            self.note_stale(index);
        }
    }

    /// Finds out what the changed watches come to, and tells the selector.
    pub(crate) fn settle(&mut self, descriptors: &Descriptors) {
        std::mem::swap(&mut self.stale, &mut self.looked_at);
        for place in 0..self.looked_at.len() {
            let index = self.looked_at[place];
            self.watches[index as usize].is_stale = false;
            self.look_at(index, descriptors);
        }
        self.looked_at.clear();
    }

    fn look_at(&mut self, index: u32, descriptors: &Descriptors) {
        let watch = &mut self.watches[index as usize];
        let descriptor = descriptors.get(watch.fd);
        let source = descriptor.and_then(|descriptor| Ok(descriptor.source()?));
        watch.is_listener = matches!(descriptor, Ok(Descriptor::Socket(socket)) if socket.role == Role::Listener);
        watch.state = match (descriptor, &source) {
            (Ok(Descriptor::Shutdown(request)), _) => {
                if watch.readers > 0 {
                    request.note_awaited();
                }
                State::ReadOnlyInKernel
            }
            (Ok(Descriptor::Socket(socket)), Ok(Some(_)))
                if watch.is_listener && keeps_connections_away(&self.shutdown) =>
            {
                socket.refuse_connections();
                State::NeverReady
            }
            (_, Ok(Some(_))) => State::InKernel,
            (_, Ok(None)) => State::AlwaysReady,
            (_, &Err(error)) => State::Failed(error),
        };
        let was_registered = watch.is_registered;
        let registered = match source {
            Ok(Some(source)) => watch.register(index, &mut self.selector, source),
            _ => Ok(()),
        };
        if watch.is_listener {
            self.listeners = self.listeners + usize::from(watch.is_registered) - usize::from(was_registered);
        }
        if let Err(error) = registered {
            // The kernel's limit of watches, or its memory: this one's own error, and tried again with the next wait.
            watch.state = State::Failed(error.into());
            self.note_stale(index);
        }
        self.note_settled(index);
        let watch = &self.watches[index as usize];
        if watch.first == NONE {
            self.by_fd.remove(&watch.fd);
            self.unused.push(index);
        }
    }

    /// Tells of what needs no waiting: bad numbers and files.
    pub(crate) fn tell_settled(&self, outcomes: &mut Vec<Outcome>) {
        for &index in &self.settled {
            let watch = &self.watches[index as usize];
            for position in chain(watch.first, &self.links) {
                match watch.state {
                    State::AlwaysReady => outcomes.push(Outcome::ready(position)),
                    State::Failed(error) => outcomes.push(Outcome::failed(position, error)),
                    State::ReadOnlyInKernel if self.links[position as usize].is_write => {
                        outcomes.push(Outcome::failed(position, Errno::BADF));
                    }
                    State::ReadOnlyInKernel | State::InKernel | State::NeverReady => {}
                }
            }
        }
    }

    /// Waits, and tells of the subscriptions for the descriptors that are ready. Answers whether the time is over
    /// without any.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, outcomes: &mut Vec<Outcome>) -> Result<bool, Errno> {
        self.selector.select(timeout, &mut self.found)?;
        for &(key, ended) in &self.found.ended {
            if let Some(watch) = self.watches.get_mut(key as usize) {
                watch.ended = ended;
            }
        }
        for ready in &self.found.ready {
            // The wakeup has none.
            let Some(watch) = self.watches.get_mut(ready.key as usize) else { continue };
            if watch.is_listener && keeps_connections_away(&self.shutdown) {
                if !std::mem::replace(&mut watch.is_stale, true) {
                    self.stale.push(ready.key as u32);
                }
                continue;
            }
            let ended = std::mem::replace(&mut watch.ended, Interest::NONE);
            for position in chain(watch.first, &self.links) {
                let (is_ready, hangup) = match self.links[position as usize].is_write {
                    true => (ready.writable, ended.write),
                    false => (ready.readable, ended.read),
                };
                if is_ready {
                    outcomes.push(Outcome { hangup, ..Outcome::ready(position) });
                }
            }
        }
        for (key, error) in std::mem::take(&mut self.found.errors) {
            let (index, error) = (key as u32, Errno::from(error));
            outcomes.extend(chain(self.watches[key as usize].first, &self.links).map(|at| Outcome::failed(at, error)));
            self.note_stale(index);
        }
        Ok(self.found.ready.is_empty())
    }

    fn watch_of(&mut self, fd: u32) -> u32 {
        if let Some(&index) = self.by_fd.get(&fd) {
            return index;
        }
        let watch = Watch {
            fd,
            first: NONE,
            readers: 0,
            writers: 0,
            state: State::InKernel,
            is_registered: false,
            is_stale: false,
            settled_at: None,
            is_listener: false,
            ended: Interest::NONE,
        };
        let index = match self.unused.pop() {
            Some(index) => {
                self.watches[index as usize] = watch;
                index
            }
            None => {
                self.watches.push(watch);
                self.watches.len() as u32 - 1
            }
        };
        self.by_fd.insert(fd, index);
        index
    }

    fn note_stale(&mut self, index: u32) {
        let watch = &mut self.watches[index as usize];
        if !watch.is_stale {
            watch.is_stale = true;
            self.stale.push(index);
        }
    }

    /// Keeps `settled` in step with what the watch has come to.
    fn note_settled(&mut self, index: u32) {
        let watch = &mut self.watches[index as usize];
        match (watch.settled_at, watch.is_settled()) {
            (None, true) => {
                watch.settled_at = Some(self.settled.len() as u32);
                self.settled.push(index);
            }
            (Some(place), false) => {
                watch.settled_at = None;
                self.settled.swap_remove(place as usize);
                if let Some(&moved) = self.settled.get(place as usize) {
                    self.watches[moved as usize].settled_at = Some(place);
                }
            }
            _ => {}
        }
    }
}

impl Watch {
    /// Whether any of its subscriptions needs no waiting.
    fn is_settled(&self) -> bool {
        match self.state {
            State::InKernel | State::NeverReady => false,
            State::ReadOnlyInKernel => self.writers > 0,
            State::AlwaysReady | State::Failed(_) => self.first != NONE,
        }
    }

    fn wanted(&self) -> Interest {
        match self.state {
            State::InKernel => Interest { read: self.readers > 0, write: self.writers > 0 },
            State::ReadOnlyInKernel => Interest { read: self.readers > 0, write: false },
            State::AlwaysReady | State::NeverReady | State::Failed(_) => Interest::NONE,
        }
    }

    /// Tells the selector what is wanted; `index` is what it answers with.
    fn register(&mut self, index: u32, selector: &mut FdSelector, source: Borrowed<'_>) -> io::Result<()> {
        let wanted = self.wanted();
        match (self.is_registered, wanted.is_none()) {
            (false, true) => return Ok(()),
            (false, false) => selector.add(source, index.into(), wanted)?,
            // It fails only for what is not there, which is the aim.
            (true, true) => selector.remove(source).unwrap_or(()),
            (true, false) => selector.modify(source, wanted)?,
        }
        self.is_registered = !wanted.is_none();
        Ok(())
    }
}

fn keeps_connections_away(shutdown: &Option<Arc<Channel>>) -> bool {
    shutdown.as_ref().is_some_and(|shutdown| shutdown.keeps_connections_away())
}

/// The subscriptions on one descriptor.
fn chain(first: u32, links: &[Link]) -> impl Iterator<Item = u32> {
    let existing = |position: u32| (position != NONE).then_some(position);
    std::iter::successors(existing(first), move |&position| existing(links[position as usize].next))
}
