//! `poll_oneoff`: one wait over sockets, standard streams and clocks.

use super::{MODULE, define};
use crate::errno::Errno;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::poll::{EVENT_SIZE, SUBSCRIPTION_SIZE};
use crate::waiting::Failure;
use wasmtime::{Caller, Linker, Result};

pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    define!(linker, poll_oneoff(subscriptions: u32, events: u32, count: u32, events_count: u32));
    Ok(())
}

/// Waits until a subscription is ready, and reports all that are, in the order
/// in which they were given.
///
/// Readiness is per subscription: a number that is not open gives an event with
/// `badf` for its own subscription, a socket with a pending error is ready
/// without an error (the call that follows reveals it), a peer that has closed
/// its side sets the hang-up flag of read events.
///
/// There may be as many subscriptions as the guest's memory holds, together
/// with room for an event each.
fn poll_oneoff(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    subscriptions: u32,
    events: u32,
    count: u32,
    events_count: u32,
) -> Result<(), Failure> {
    if count == 0 {
        return Err(Errno::INVAL.into());
    }
    // Found out before waiting, so that no readiness gets lost on a bad pointer.
    memory.records(events, count, EVENT_SIZE as u32)?;
    memory.range(events_count, 4)?;
    let array = memory.records(subscriptions, count, SUBSCRIPTION_SIZE as u32)?;
    let (array, _) = array.as_chunks();
    let set = guest.waits.follow(array, subscriptions, &guest.descriptors)?;
    set.wait(&guest.clock, &guest.deadline)?;
    let ready = set.events();
    let count = ready.len() as u32;
    let space = memory.records_mut(events, count, EVENT_SIZE as u32)?;
    let (space, _) = space.as_chunks_mut();
    for (space, event) in space.iter_mut().zip(ready) {
        *space = event;
    }
    memory.write_u32(events_count, count)?;
    Ok(())
}
