//! What a store counts of a guest beside its memory: what it computes, and what its calls copy.

use crate::error::Error;
use crate::limits::Limits;
use wasmtime::Store;

/// Nothing reaches it.
const NEVER: u64 = u64::MAX / 2;

/// Sets a store up before anything runs in it. A program that was compiled beforehand may count although nothing of it
/// is limited.
pub(crate) fn prepare<T>(store: &mut Store<T>, limits: &Limits) -> Result<(), Error> {
    if store.engine().get_epoch_interruption() {
        store.set_epoch_deadline(NEVER);
    }
    if store.engine().get_consume_fuel() {
        let set = store.set_fuel(limits.fuel.unwrap_or(u64::MAX));
        set.map_err(|error| Error::Host { reason: format!("the fuel can't be limited: {error}") })?;
    }
    if let Some(fuel) = limits.host_call_fuel {
        store.set_hostcall_fuel(fuel);
    }
    Ok(())
}
