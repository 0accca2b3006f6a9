//! Clocks: `poll_oneoff` waits for the same ones.

use super::define;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::waiting::Failure;
use std::time::SystemTime;
use wasmtime::{Caller, Linker, Result};

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

/// Nanoseconds: the unit is as fine as the clock.
const RESOLUTION: u64 = 1;

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    define!(linker, module, clock_res_get(clock: u32, resolution: u32));
    define!(linker, module, clock_time_get(clock: u32, precision: u64, time: u32));
    Ok(())
}

fn clock_res_get(memory: &mut LinearMemory<'_>, _: &mut Guest, clock: u32, resolution: u32) -> Result<(), Failure> {
    match clock {
        REALTIME | MONOTONIC => Ok(memory.write(resolution, &RESOLUTION.to_le_bytes())?),
        _ => Err(missing(clock).into()),
    }
}

fn clock_time_get(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    clock: u32,
    _precision: u64,
    time: u32,
) -> Result<(), Failure> {
    let now = match clock {
        REALTIME => since_1970(),
        MONOTONIC => guest.clock.now(),
        _ => return Err(missing(clock).into()),
    };
    Ok(memory.write(time, &now.to_le_bytes())?)
}

/// There are two more, of CPU time, which this host lacks as the hosts of others do.
fn missing(clock: u32) -> Errno {
    if clock < 4 { Errno::BADF } else { Errno::INVAL }
}

/// Nanoseconds; 0 for a system whose clock is before that.
fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
