//! `wasi:io/poll` as a selector.
//!
//! The host is given one list of handles. Making a pollable, and dropping it, is a host call each; so they are made once
//! for each direction of a socket and kept as long as the socket, and the list is kept from wait to wait.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use wasip2::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};
use wasip2::io::poll::Pollable;

use super::resource::{Direction, Resource, change_count};
use super::{closing, hostcalls};
use crate::error::{nothing_to_wait_for, watched_already};
use crate::number_map::NumberMap;
use crate::places::Places;
use crate::{Descriptor, Found, Interest, Ready, Selector};

struct Watch {
    resource: Rc<Resource>,
    key: u64,
    interest: Interest,
    /// Where its handles are in the list, by direction.
    positions: [Option<usize>; 2],
    readable: bool,
    writable: bool,
}

/// Whose handle is in a position of the list.
#[derive(Clone, Copy)]
struct Owner {
    index: usize,
    direction: Direction,
}

pub struct PollList {
    handles: Vec<u32>,
    owners: Vec<Owner>,
    /// Never moved while watched: the index is in the owners.
    watches: Places<Watch>,
    /// By the address of the resource.
    index_of: NumberMap<usize, usize>,
    /// Up to which change the list is true.
    change_count: u64,
    /// Which watches the wait was about.
    found: Vec<usize>,
    /// Which watches may have something to read that the host doesn't have any more.
    kept: Vec<usize>,
}

impl PollList {
    pub fn new() -> PollList {
        PollList {
            handles: Vec::new(),
            owners: Vec::new(),
            watches: Places::new(),
            index_of: NumberMap::default(),
            change_count: change_count(),
            found: Vec::new(),
            kept: Vec::new(),
        }
    }

    fn index_of(&self, descriptor: &Descriptor) -> io::Result<usize> {
        let address = address(descriptor.resource()?);
        self.index_of.get(&address).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Puts into the list what this watch is for, and takes out what it is not for.
    fn update(&mut self, index: usize) {
        for direction in Direction::BOTH {
            let Some(watch) = self.watches.get(index) else { return };
            let wanted = match direction {
                Direction::Read => watch.interest.read,
                Direction::Write => watch.interest.write,
            };
            let handle = if wanted { watch.resource.pollable(direction) } else { None };
            match (watch.positions[direction as usize], handle) {
                (Some(position), Some(handle)) => self.handles[position] = handle,
                (Some(position), None) => self.take_out(position),
                (None, Some(handle)) => self.put_in(handle, Owner { index, direction }),
                (None, None) => {}
            }
        }
        if let Some(watch) = self.watches.get(index)
            && watch.interest.read
            && watch.resource.has_kept()
        {
            self.kept.push(index);
        }
    }

    fn put_in(&mut self, handle: u32, owner: Owner) {
        self.set_position(owner, Some(self.handles.len()));
        self.handles.push(handle);
        self.owners.push(owner);
    }

    /// The last one moves to the place that becomes free.
    fn take_out(&mut self, position: usize) {
        self.handles.swap_remove(position);
        let owner = self.owners.swap_remove(position);
        self.set_position(owner, None);
        if let Some(&moved) = self.owners.get(position) {
            self.set_position(moved, Some(position));
        }
    }

    fn set_position(&mut self, owner: Owner, position: Option<usize>) {
        if let Some(watch) = self.watches.get_mut(owner.index) {
            watch.positions[owner.direction as usize] = position;
        }
    }

    /// Makes the list true again after a change of what is watched: a stale handle would end the program. A watch
    /// whose descriptor was closed is over.
    fn follow_changes(&mut self, found: &mut Found) {
        if self.change_count == change_count() {
            return;
        }
        for index in 0..self.watches.len() {
            if let Some(watch) = self.watches.get_mut(index) {
                if watch.resource.is_closed() && !watch.interest.is_none() {
                    watch.interest = Interest::NONE;
                    found.errors.push((watch.key, closed_while_watched()));
                }
                self.update(index);
            }
        }
        self.change_count = change_count();
    }

    /// Finds what is readable by what was read before.
    fn note_kept(&mut self) {
        for position in (0..self.kept.len()).rev() {
            let index = self.kept.swap_remove(position);
            self.note_readable(index, Resource::has_kept);
        }
    }

    /// Notes what the host finds ready; answers whether the time is over.
    fn wait_once(&mut self, timer: Option<&Timer>) -> bool {
        let count = self.handles.len();
        self.handles.extend(timer.map(Timer::handle));
        let first_closing = self.handles.len();
        closing::add_to(&mut self.handles);
        let mut ready = hostcalls::poll(&self.handles);
        self.handles.truncate(count);
        ready.sort_unstable();
        let closed = ready.split_off(ready.partition_point(|&position| (position as usize) < first_closing));
        closing::finish(closed.iter().rev().map(|&position| position as usize - first_closing));
        let mut is_over = false;
        for position in ready {
            match position as usize {
                position if position < count => self.note_ready(position),
                _ => is_over = true,
            }
        }
        is_over
    }

    fn note_ready(&mut self, position: usize) {
        match self.owners.get(position) {
            Some(&Owner { index, direction: Direction::Read }) => self.note_readable(index, Resource::confirm_readable),
            Some(&Owner { index, direction: Direction::Write }) => {
                if let Some(watch) = self.watches.get(index) {
                    watch.resource.note_writable();
                }
                self.note(index, Direction::Write);
            }
            None => {}
        }
    }

    fn note_readable(&mut self, index: usize, is_readable: fn(&Resource) -> bool) {
        let Some(watch) = self.watches.get(index) else { return };
        if watch.interest.read && !watch.readable && is_readable(&watch.resource) {
            self.kept.push(index);
            self.note(index, Direction::Read);
        }
    }

    fn note(&mut self, index: usize, direction: Direction) {
        let Some(watch) = self.watches.get_mut(index) else { return };
        if !watch.readable && !watch.writable {
            self.found.push(index);
        }
        match direction {
            Direction::Read => watch.readable = true,
            Direction::Write => watch.writable = true,
        }
    }

    fn report(&mut self, found: &mut Found) {
        for index in self.found.drain(..) {
            let Some(watch) = self.watches.get_mut(index) else { continue };
            found.ready.push(Ready { key: watch.key, readable: watch.readable, writable: watch.writable });
            (watch.readable, watch.writable) = (false, false);
        }
    }
}

fn address(resource: &Rc<Resource>) -> usize {
    Rc::as_ptr(resource).addr()
}

fn closed_while_watched() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the descriptor was closed while it was watched: remove the watch first")
}

impl Selector for PollList {
    fn name(&self) -> &'static str {
        "wasi:io/poll"
    }

    fn add(&mut self, descriptor: &Descriptor, key: u64, interest: Interest) -> io::Result<()> {
        let resource = descriptor.resource()?;
        let address = address(resource);
        if self.index_of.contains_key(&address) {
            return Err(watched_already());
        }
        let resource = resource.clone();
        let watch = Watch { resource, key, interest, positions: [None; 2], readable: false, writable: false };
        let index = self.watches.insert(watch);
        self.index_of.insert(address, index);
        self.update(index);
        Ok(())
    }

    fn modify(&mut self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        let index = self.index_of(descriptor)?;
        if let Some(watch) = self.watches.get_mut(index) {
            watch.interest = interest;
        }
        self.update(index);
        Ok(())
    }

    fn remove(&mut self, descriptor: &Descriptor) -> io::Result<()> {
        let index = self.index_of(descriptor)?;
        self.index_of.remove(&address(descriptor.resource()?));
        if let Some(watch) = self.watches.get_mut(index) {
            watch.interest = Interest::NONE;
        }
        self.update(index);
        self.watches.remove(index);
        Ok(())
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        found.clear();
        self.follow_changes(found);
        self.note_kept();
        let timeout = if found.is_empty() && self.found.is_empty() { timeout } else { Some(Duration::ZERO) };
        if self.handles.is_empty() && timeout.is_none() {
            return Err(nothing_to_wait_for());
        }
        let timer = timeout.map(Timer::start);
        while !self.wait_once(timer.as_ref()) && self.found.is_empty() {}
        self.report(found);
        Ok(())
    }
}

/// What ends a wait after a time.
enum Timer {
    /// At once.
    Past,
    Later(Pollable),
}

thread_local! {
    /// Always ready, so that nothing is waited for.
    static PAST: Pollable = subscribe_instant(0);
}

impl Timer {
    fn start(timeout: Duration) -> Timer {
        if timeout.is_zero() {
            return Timer::Past;
        }
        // 584 years are as good as for ever.
        Timer::Later(subscribe_duration(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn handle(&self) -> u32 {
        match self {
            Timer::Past => PAST.with(Pollable::handle),
            Timer::Later(timer) => timer.handle(),
        }
    }
}

/// Waits for one descriptor.
pub fn wait(descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
    let (mut list, mut found) = (PollList::new(), Found::default());
    list.add(descriptor, 0, interest)?;
    list.select(timeout, &mut found)?;
    Ok(!found.ready.is_empty())
}
