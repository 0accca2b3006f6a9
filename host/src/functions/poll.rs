//! `poll_oneoff`: one wait over sockets, standard streams and clocks.

use super::define;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::poll::{EVENT_SIZE, Record, SUBSCRIPTION_SIZE};
use crate::waiting::Failure;
use wasmtime::{Caller, Linker, Result};

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    define!(linker, module, poll_oneoff(subscriptions: u32, events: u32, count: u32, events_count: u32));
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
    check_places(memory, events, count, events_count)?;
    let array = memory.records(subscriptions, count, SUBSCRIPTION_SIZE as u32)?;
    let (array, _) = array.as_chunks();
    let ready = wait(guest, array, subscriptions)?;
    report(memory, events, events_count, ready)
}

/// Bad pointers are found out before waiting, so that no readiness gets lost on them.
pub(super) fn check_places(
    memory: &LinearMemory<'_>,
    events: u32,
    count: u32,
    events_count: u32,
) -> Result<(), Failure> {
    if count == 0 {
        return Err(Errno::INVAL.into());
    }
    memory.records(events, count, EVENT_SIZE as u32)?;
    memory.range(events_count, 4)?;
    Ok(())
}

/// Writes the events, and how many there are.
pub(super) fn report(
    memory: &mut LinearMemory<'_>,
    events: u32,
    events_count: u32,
    ready: impl ExactSizeIterator<Item = [u8; EVENT_SIZE]>,
) -> Result<(), Failure> {
    let count = ready.len() as u32;
    let space = memory.records_mut(events, count, EVENT_SIZE as u32)?;
    let (space, _) = space.as_chunks_mut();
    for (space, event) in space.iter_mut().zip(ready) {
        *space = event;
    }
    Ok(memory.write_u32(events_count, count)?)
}

/// Waits for what the array says, which lies at `address` in the guest's memory, and returns the events.
pub(super) fn wait<'a>(
    guest: &'a mut Guest,
    array: &[Record],
    address: u32,
) -> Result<impl ExactSizeIterator<Item = [u8; EVENT_SIZE]> + use<'a>, Failure> {
    guest.waits.follow(array, address, &guest.descriptors, &guest.cancellation)?;
    guest.memory_limit.set_wait_bytes(guest.waits.bytes()).map_err(Failure::End)?;
    // From here on requests to end reach a guest that waits for them.
    guest.tell_first_wait();
    let set = guest.waits.followed();
    set.wait(&guest.clock, &guest.descriptors, &guest.cancellation, &guest.counters)?;
    guest.counters.waits.add(1);
    Ok(set.events())
}
