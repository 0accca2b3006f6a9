//! Waiting, on the virtual clock.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::descriptors::bad_descriptor;
use super::network::Network;
use super::state::State;
use crate::error::{nothing_to_wait_for, watched_already};
use crate::number_map::NumberMap;
use crate::{Descriptor, Found, Interest, Ready, Selector};

/// What a wait takes at least.
const WAIT_COST: Duration = Duration::from_micros(10);

/// How long a host waits that does not look.
const UNSEEN_WAIT: Duration = Duration::from_millis(1);

struct Watch {
    number: usize,
    key: u64,
    interest: Interest,
}

impl Watch {
    /// As if all were ready that is asked for.
    fn all_ready(&self) -> Ready {
        Ready { key: self.key, readable: self.interest.read, writable: self.interest.write }
    }
}

pub struct SimulatedSelector {
    network: Network,
    /// By the order of `add`, in which chance goes through them.
    watches: BTreeMap<u64, Watch>,
    order_of: NumberMap<usize, u64>,
    next_order: u64,
}

impl SimulatedSelector {
    pub fn new(network: Network) -> SimulatedSelector {
        SimulatedSelector { network, watches: BTreeMap::new(), order_of: NumberMap::default(), next_order: 0 }
    }

    /// Notes what is ready now. A descriptor that is gone, or goes bad, is told once.
    fn collect(&mut self, state: &mut State, found: &mut Found) {
        for watch in self.watches.values_mut().filter(|watch| !watch.interest.is_none()) {
            let goes_bad = state.roll(state.faults.bad_descriptor);
            let is_bad = match state.descriptors.get_mut(watch.number) {
                Some(open) => {
                    open.is_bad |= goes_bad;
                    open.is_bad
                }
                None => true,
            };
            if is_bad {
                watch.interest = Interest::NONE;
                found.errors.push((watch.key, bad_descriptor()));
                continue;
            }
            let (can_read, can_write) = state.readiness(watch.number);
            let (readable, writable) = (can_read && watch.interest.read, can_write && watch.interest.write);
            if readable || writable {
                found.ready.push(Ready { key: watch.key, readable, writable });
            }
        }
        if (state.faults.all_ready && !found.is_empty()) || state.faults.ready_unseen {
            self.call_all_ready(found);
        }
    }

    /// What is bad is watched for nothing by now.
    fn call_all_ready(&self, found: &mut Found) {
        found.ready.clear();
        found.ready.extend(self.watched().map(Watch::all_ready));
    }

    fn watched(&self) -> impl Iterator<Item = &Watch> {
        self.watches.values().filter(|watch| !watch.interest.is_none())
    }

    /// Calls one ready that is not, after some of the time until `until`. Answers whether it did.
    fn wake_for_nothing(&self, state: &mut State, until: Duration, found: &mut Found) -> bool {
        let watched: Vec<&Watch> = self.watched().collect();
        if watched.is_empty() || !state.roll(state.faults.spurious_ready) {
            return false;
        }
        let span = until.saturating_sub(state.now);
        let slept = state.below(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
        state.now += Duration::from_nanos(slept);
        found.ready.push(watched[state.below(watched.len() as u64) as usize].all_ready());
        true
    }

    fn wait(&mut self, state: &mut State, deadline: Option<Duration>, found: &mut Found) -> io::Result<()> {
        let oversleeps = state.roll(state.faults.oversleep);
        loop {
            state.run_due();
            self.collect(state, found);
            if !found.is_empty() {
                return Ok(());
            }
            let until = match (state.agenda.next_time(), deadline) {
                (Some(next), Some(deadline)) if next < deadline && !oversleeps => next,
                (Some(next), None) => next,
                (_, Some(deadline)) => deadline,
                (None, None) => return Err(deadlock()),
            };
            if deadline.is_some_and(|deadline| state.now >= deadline) || self.wake_for_nothing(state, until, found) {
                return Ok(());
            }
            state.now = state.now.max(until);
        }
    }
}

impl Selector for SimulatedSelector {
    fn name(&self) -> &'static str {
        "the virtual clock"
    }

    fn add(&mut self, descriptor: &Descriptor, key: u64, interest: Interest) -> io::Result<()> {
        let number = descriptor.number_in(&self.network)?;
        if self.order_of.contains_key(&number) {
            return Err(watched_already());
        }
        self.order_of.insert(number, self.next_order);
        self.watches.insert(self.next_order, Watch { number, key, interest });
        self.next_order += 1;
        Ok(())
    }

    fn modify(&mut self, descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
        let number = descriptor.number_in(&self.network)?;
        let order = self.order_of.get(&number);
        let watch = order.and_then(|order| self.watches.get_mut(order)).ok_or(io::ErrorKind::NotFound)?;
        watch.interest = interest;
        Ok(())
    }

    fn remove(&mut self, descriptor: &Descriptor) -> io::Result<()> {
        let number = descriptor.number_in(&self.network)?;
        let order = self.order_of.remove(&number).ok_or(io::ErrorKind::NotFound)?;
        self.watches.remove(&order);
        Ok(())
    }

    fn select(&mut self, timeout: Option<Duration>, found: &mut Found) -> io::Result<()> {
        found.clear();
        if timeout.is_none() && self.watched().next().is_none() {
            return Err(nothing_to_wait_for());
        }
        let network = self.network.clone();
        let mut state = network.lock();
        let deadline = timeout.map(|timeout| state.now.saturating_add(timeout));
        let cost = if state.faults.ready_unseen { UNSEEN_WAIT.min(timeout.unwrap_or(UNSEEN_WAIT)) } else { WAIT_COST };
        state.now += cost.max(WAIT_COST);
        let waited = self.wait(&mut state, deadline, found);
        let now = state.now;
        for Ready { key, readable, writable } in &found.ready {
            state.trace.note(now, format_args!("ready {key} {readable} {writable}"));
        }
        for (key, _) in &found.errors {
            state.trace.note(now, format_args!("bad {key}"));
        }
        waited
    }
}

fn deadlock() -> io::Error {
    io::Error::new(
        io::ErrorKind::Deadlock,
        "this wait of the simulation would never end: nothing is ready and nothing is on its way; \
         give it a timeout, or let a client act before it",
    )
}
