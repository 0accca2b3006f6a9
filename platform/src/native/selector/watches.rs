//! What a mechanism watches that lives in the kernel: the table, and the queue of changes that the kernel is still to
//! be told.

use std::io;

use super::Source;
use crate::error::watched_already;
use crate::number_map::NumberMap;
use crate::{Found, Interest, Ready};

/// How many events are taken from the kernel at once. What does not fit stays ready, and the kernel turns its list,
/// so that the next wait finds it.
const EVENTS_MAX: usize = 1024;
const EVENTS_MIN: usize = 16;

/// Names a watch to the kernel, which gives it back with each event. A number of a descriptor, or a place in the
/// table, comes again; a token does not, so an event that is late finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

impl Token {
    fn new(index: usize, generation: u32) -> Token {
        Token(u64::from(generation) << 32 | index as u64)
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }
}

/// What the kernel is to be told about one descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub source: Source,
    pub token: Token,
    /// What the kernel knows; nothing means that the descriptor is not in its set.
    pub before: Interest,
    pub after: Interest,
}

/// What the kernel makes of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Watched,
    /// It can't be watched, because it is always ready, as a regular file is.
    AlwaysReady,
}

struct Watch {
    source: Source,
    key: u64,
    wanted: Interest,
    told: Interest,
    is_always_ready: bool,
    /// Where it is in the answer of the wait of this number.
    found: (u64, usize),
}

#[derive(Default)]
struct Slot {
    generation: u32,
    /// Its place in the queue outlives the watch, so that the queue is never longer than the table.
    is_queued: bool,
    watch: Option<Watch>,
}

#[derive(Default)]
pub struct Watches {
    slots: Vec<Slot>,
    unused: Vec<usize>,
    index_of: NumberMap<Source, usize>,
    queue: Vec<usize>,
    always_ready: Vec<usize>,
    /// How many are watched for something.
    wanted_count: usize,
    /// Counts waits.
    wait: u64,
}

impl Watches {
    /// Takes in a watch, and tells the kernel about it with `tell` when it is for something.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of this number; that of the kernel, after which nothing is watched.
    pub fn add(
        &mut self,
        source: Source,
        key: u64,
        interest: Interest,
        tell: impl FnOnce(Change) -> io::Result<Told>,
    ) -> io::Result<()> {
        if self.index_of.contains_key(&source) {
            return Err(watched_already());
        }
        let index = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        self.slots[index].watch = Some(Watch {
            source,
            key,
            wanted: Interest::NONE,
            told: Interest::NONE,
            is_always_ready: false,
            found: (0, 0),
        });
        self.index_of.insert(source, index);
        self.set_wanted(index, interest);
        self.tell(index, tell).inspect_err(|_| self.forget(index))
    }

    /// Notes what a watch is for from the next wait on.
    ///
    /// # Errors
    /// `NotFound` when it is not watched.
    pub fn modify(&mut self, source: Source, interest: Interest) -> io::Result<()> {
        let index = self.index_of(source)?;
        self.set_wanted(index, interest);
        self.enqueue(index);
        Ok(())
    }

    /// Ends a watch, and takes the descriptor out of the kernel's set with `tell` when it is there.
    ///
    /// # Errors
    /// `NotFound` when it is not watched.
    pub fn remove(&mut self, source: Source, tell: impl FnOnce(Change) -> io::Result<Told>) -> io::Result<()> {
        let index = self.index_of(source)?;
        self.set_wanted(index, Interest::NONE);
        // The kernel has forgotten a descriptor that was closed meanwhile, which is as good.
        let _ = self.tell(index, tell);
        self.forget(index);
        Ok(())
    }

    /// Whether nothing is watched for anything.
    pub fn is_idle(&self) -> bool {
        self.wanted_count == 0
    }

    /// How many events there should be room for.
    pub fn event_count(&self) -> usize {
        self.index_of.len().next_power_of_two().clamp(EVENTS_MIN, EVENTS_MAX)
    }

    /// Begins a wait: tells the kernel with `tell` what has changed, once for each descriptor, and not what was taken
    /// back. What it refuses goes to `found`, and so does what needs no kernel to be ready.
    pub fn begin(&mut self, found: &mut Found, tell: impl FnMut(Change) -> io::Result<Told>) {
        self.wait += 1;
        self.tell_changes(found, tell);
        for position in 0..self.always_ready.len() {
            self.mark(self.always_ready[position], Interest::BOTH, found);
        }
    }

    /// Tells the kernel what has changed. What it refuses goes to `found`.
    pub fn tell_changes(&mut self, found: &mut Found, mut tell: impl FnMut(Change) -> io::Result<Told>) {
        for position in 0..self.queue.len() {
            let index = self.queue[position];
            self.slots[index].is_queued = false;
            if let Err(error) = self.tell(index, &mut tell) {
                self.fail(index, error, found);
            }
        }
        self.queue.clear();
    }

    /// Notes that an event says `is_ready` of the watch of this token. Answers whether there is such a watch.
    pub fn note(&mut self, token: Token, is_ready: Interest, found: &mut Found) -> bool {
        let index = token.index();
        let is_known = self
            .slots
            .get(index)
            .is_some_and(|slot| slot.watch.is_some() && Token::new(index, slot.generation) == token);
        if is_known {
            self.mark(index, is_ready, found);
        }
        is_known
    }

    /// The token of the watch that a key of this width names: on 32-bit machines a key has no room for generations.
    pub fn token_of_key(&self, key: usize) -> Option<Token> {
        let index = Token(key as u64).index();
        let token = Token::new(index, self.slots.get(index)?.generation);
        (token.0 as usize == key).then_some(token)
    }

    /// The kernel has told about this watch and forgets it, until it is told again.
    pub fn note_forgotten(&mut self, token: Token) {
        let index = token.index();
        if let Some(watch) = &mut self.slots[index].watch {
            watch.told = Interest::NONE;
            self.enqueue(index);
        }
    }

    /// Notes that an event says which directions of a connection have ended, when the watch of this token is ready.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn note_end(&mut self, token: Token, ended: Interest, found: &mut Found) {
        let watch = self.slots.get(token.index()).and_then(|slot| slot.watch.as_ref());
        if let Some(watch) = watch
            && watch.found.0 == self.wait
        {
            found.ended.push((watch.key, ended));
        }
    }

    /// The kernel's set is a new one, in which nothing is.
    pub fn forget_told(&mut self) {
        for index in 0..self.slots.len() {
            if let Some(watch) = &mut self.slots[index].watch {
                watch.told = Interest::NONE;
                self.enqueue(index);
            }
        }
    }

    fn index_of(&self, source: Source) -> io::Result<usize> {
        self.index_of.get(&source).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn enqueue(&mut self, index: usize) {
        if !self.slots[index].is_queued {
            self.slots[index].is_queued = true;
            self.queue.push(index);
        }
    }

    fn set_wanted(&mut self, index: usize, interest: Interest) {
        let Some(watch) = &mut self.slots[index].watch else { return };
        self.wanted_count += usize::from(!interest.is_none());
        self.wanted_count -= usize::from(!watch.wanted.is_none());
        watch.wanted = interest;
    }

    fn tell(&mut self, index: usize, tell: impl FnOnce(Change) -> io::Result<Told>) -> io::Result<()> {
        let slot = &mut self.slots[index];
        let Some(watch) = &mut slot.watch else { return Ok(()) };
        if watch.wanted == watch.told || watch.is_always_ready {
            return Ok(());
        }
        let (source, token) = (watch.source, Token::new(index, slot.generation));
        let told = tell(Change { source, token, before: watch.told, after: watch.wanted })?;
        watch.told = watch.wanted;
        if told == Told::AlwaysReady {
            watch.is_always_ready = true;
            self.always_ready.push(index);
        }
        Ok(())
    }

    /// A descriptor that failed is watched for nothing until somebody asks for it again.
    fn fail(&mut self, index: usize, error: io::Error, found: &mut Found) {
        self.set_wanted(index, Interest::NONE);
        if let Some(watch) = &mut self.slots[index].watch {
            watch.told = Interest::NONE;
            found.errors.push((watch.key, error));
        }
    }

    /// Merges what one event says into the answer, of which each watch has one entry at most (C6).
    fn mark(&mut self, index: usize, is_ready: Interest, found: &mut Found) {
        let Some(watch) = &mut self.slots[index].watch else { return };
        let (readable, writable) = (is_ready.read && watch.wanted.read, is_ready.write && watch.wanted.write);
        if !readable && !writable {
            return;
        }
        if watch.found.0 == self.wait {
            let ready = &mut found.ready[watch.found.1];
            ready.readable |= readable;
            ready.writable |= writable;
        } else {
            watch.found = (self.wait, found.ready.len());
            found.ready.push(Ready { key: watch.key, readable, writable });
        }
    }

    fn forget(&mut self, index: usize) {
        self.set_wanted(index, Interest::NONE);
        let slot = &mut self.slots[index];
        let Some(watch) = slot.watch.take() else { return };
        self.index_of.remove(&watch.source);
        if watch.is_always_ready {
            self.always_ready.retain(|&other| other != index);
        }
        // A place that has had all its generations is left alone: its tokens would come again.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.unused.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel was told in a wait, as (source, before, after).
    fn told_by_wait(watches: &mut Watches) -> Vec<(Source, Interest, Interest)> {
        let mut told = Vec::new();
        watches.begin(&mut Found::default(), |change| {
            told.push((change.source, change.before, change.after));
            Ok(Told::Watched)
        });
        told
    }

    fn watching(sources: &[Source]) -> Watches {
        let mut watches = Watches::default();
        for (key, source) in (0..).zip(sources) {
            watches.add(*source, key, Interest::READ, |_| Ok(Told::Watched)).expect("it is not watched");
        }
        watches
    }

    #[test]
    fn a_wait_tells_the_kernel_once_of_each_change_and_not_of_one_that_was_taken_back() {
        let mut watches = watching(&[10, 11, 12]);
        assert_eq!(told_by_wait(&mut watches), [], "what is added is told at once");
        for interest in [Interest::BOTH, Interest::NONE, Interest::WRITE] {
            watches.modify(12, interest).expect("it is watched");
            watches.modify(10, interest).expect("it is watched");
        }
        watches.modify(10, Interest::READ).expect("it is watched");
        assert_eq!(told_by_wait(&mut watches), [(12, Interest::READ, Interest::WRITE)]);
        assert_eq!(told_by_wait(&mut watches), []);
    }

    #[test]
    fn what_is_watched_for_nothing_is_not_in_the_kernel() {
        let mut watches = Watches::default();
        let nobody = |_| -> io::Result<Told> { panic!("there is nothing to tell") };
        watches.add(10, 0, Interest::NONE, nobody).expect("it is not watched");
        assert!(watches.is_idle());
        watches.modify(10, Interest::READ).expect("it is watched");
        watches.modify(10, Interest::NONE).expect("it is watched");
        watches.remove(10, nobody).expect("it is watched");
        assert_eq!(told_by_wait(&mut watches), []);
    }

    #[test]
    fn a_refused_change_is_told_once_and_can_be_asked_for_again() {
        let mut watches = watching(&[10]);
        watches.modify(10, Interest::BOTH).expect("it is watched");
        let mut found = Found::default();
        watches.begin(&mut found, |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(
            found.errors.iter().map(|(key, error)| (*key, error.kind())).collect::<Vec<_>>(),
            [(0, io::ErrorKind::NotFound)]
        );
        assert!(watches.is_idle());
        assert_eq!(told_by_wait(&mut watches), []);
        watches.modify(10, Interest::READ).expect("it is still in the table");
        assert_eq!(told_by_wait(&mut watches), [(10, Interest::NONE, Interest::READ)]);
    }

    #[test]
    fn a_late_event_finds_nothing() {
        let mut watches = Watches::default();
        let mut tokens = Vec::new();
        for key in [1, 2] {
            let tell = |change: Change| {
                tokens.push(change.token);
                Ok(Told::Watched)
            };
            watches.add(10, key, Interest::READ, tell).expect("it is not watched");
            if key == 1 {
                watches.remove(10, |_| Ok(Told::Watched)).expect("it is watched");
            }
        }
        let mut found = Found::default();
        watches.begin(&mut found, |_| Ok(Told::Watched));
        assert!(!watches.note(tokens[0], Interest::READ, &mut found));
        assert!(
            watches.note(tokens[1], Interest::READ, &mut found) && watches.note(tokens[1], Interest::BOTH, &mut found)
        );
        assert_eq!(found.ready, [Ready { key: 2, readable: true, writable: false }], "one for each watch");
    }

    #[test]
    fn the_queue_is_never_longer_than_the_table() {
        let mut watches = watching(&[10]);
        for _ in 0..1000 {
            watches.modify(10, Interest::BOTH).expect("it is watched");
            watches.remove(10, |_| Ok(Told::Watched)).expect("it is watched");
            watches.add(10, 0, Interest::READ, |_| Ok(Told::Watched)).expect("it is not watched");
        }
        assert!(watches.queue.len() <= 1 && watches.slots.len() == 1);
    }
}
