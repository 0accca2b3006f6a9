//! The state of one running guest.

use crate::clock::MonotonicClock;
use crate::descriptors::{Descriptor, Descriptors};
use crate::error::Stop;
use crate::limits::Limits;
use crate::memory::LinearMemory;
use crate::poll::Waits;
use crate::waiting::Deadline;
use wasmtime::{AsContextMut, Caller, Extern, Memory, ResourceLimiter, Result};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;

/// What the host functions work on; the data of the Wasmtime store.
pub(crate) struct Guest {
    /// Arguments, environment, clocks, random numbers, directories and files.
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) descriptors: Descriptors,
    pub(crate) waits: Waits,
    pub(crate) clock: MonotonicClock,
    pub(crate) deadline: Deadline,
    memory_bytes_max: Option<usize>,
    /// What all its memories and tables have together.
    memory_bytes: usize,
    /// The guest's memory, looked up by name once.
    memory: Option<Memory>,
}

impl Guest {
    pub(crate) fn new(
        wasi: WasiP1Ctx,
        descriptors: Descriptors,
        waits: Waits,
        clock: MonotonicClock,
        limits: Limits,
    ) -> Guest {
        Guest {
            wasi,
            descriptors,
            waits,
            clock,
            deadline: Deadline::after(limits.time),
            memory_bytes_max: limits.memory_bytes,
            memory_bytes: 0,
            memory: None,
        }
    }

    /// Gives `descriptor` a number.
    pub(crate) fn open(&mut self, descriptor: Descriptor) -> u32 {
        let number = self.descriptors.insert(descriptor);
        self.waits.note_opened(number);
        number
    }

    /// Splits a call into the guest's memory and its state.
    pub(crate) fn enter<'a>(caller: &'a mut Caller<'_, Guest>) -> Result<(LinearMemory<'a>, &'a mut Guest)> {
        let memory = match caller.data().memory {
            Some(memory) => memory,
            None => {
                let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                    wasmtime::bail!("the program exports no memory of its own");
                };
                caller.data_mut().memory = Some(memory);
                memory
            }
        };
        let fuel = caller.as_context_mut().hostcall_fuel();
        let (bytes, guest) = memory.data_and_store_mut(caller);
        // Forwarded functions charge what they copy to it.
        guest.wasi.set_hostcall_fuel(fuel);
        Ok((LinearMemory(bytes), guest))
    }
}

impl Guest {
    /// Counts what a memory or a table grows by, and ends the guest where all of them together may not have it.
    ///
    /// What the system then has no room for stays counted: Wasmtime tells of growth that has failed, but also of some
    /// that was never asked for here, and whoever took that back would let a guest have more than its limit.
    fn grow(&mut self, by: usize) -> Result<bool> {
        let bytes = self.memory_bytes.saturating_add(by);
        if self.memory_bytes_max.is_some_and(|limit| bytes > limit) {
            return Err(Stop::MemoryLimit.into());
        }
        self.memory_bytes = bytes;
        Ok(true)
    }
}

/// Growth beyond the maximum that the guest has given itself fails, and is not counted.
impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        match maximum.is_some_and(|maximum| desired > maximum) {
            true => Ok(false),
            false => self.grow(desired.saturating_sub(current)),
        }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        match maximum.is_some_and(|maximum| desired > maximum) {
            true => Ok(false),
            // An entry is a pointer.
            false => self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())),
        }
    }
}
