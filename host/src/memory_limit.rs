//! How much memory a guest may have.

use crate::counters::Counters;
use crate::error::Stop;
use crate::limits::Limits;
use std::sync::Arc;
use wasmtime::{ResourceLimiter, Result};

/// Of memories, of tables and of instances, where nothing else is said; Wasmtime's own.
const COUNT_MAX: usize = 10_000;

/// Counts what the guest has: all memories and tables together, and what this host keeps for it.
///
/// What the system had no room for stays counted. Wasmtime also tells of failures that it has not asked about before: a
/// guest that got them subtracted would have its count as low as it wants.
pub(crate) struct MemoryLimit {
    bytes_max: Option<usize>,
    bytes: usize,
    /// Of these, the buffers of its waits.
    wait_bytes: usize,
    one_memory_bytes_max: usize,
    table_elements_max: usize,
    memories_max: usize,
    tables_max: usize,
    instances_max: usize,
    traps_on_grow_failure: bool,
    counters: Arc<Counters>,
}

impl MemoryLimit {
    pub(crate) fn new(limits: &Limits, counters: Arc<Counters>) -> MemoryLimit {
        MemoryLimit {
            bytes_max: limits.memory_bytes,
            bytes: 0,
            wait_bytes: 0,
            one_memory_bytes_max: limits.one_memory_bytes.unwrap_or(usize::MAX),
            table_elements_max: limits.table_elements.unwrap_or(usize::MAX),
            memories_max: limits.memories.unwrap_or(COUNT_MAX),
            tables_max: limits.tables.unwrap_or(COUNT_MAX),
            instances_max: limits.instances.unwrap_or(COUNT_MAX),
            traps_on_grow_failure: limits.traps_on_grow_failure,
            counters,
        }
    }

    /// Counts what comes, and ends the guest where all together may not be so much.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<()> {
        let sum = self.bytes.saturating_add(bytes);
        if self.bytes_max.is_some_and(|limit| sum > limit) {
            return Err(Stop::MemoryLimit.into());
        }
        self.set(sum);
        Ok(())
    }

    pub(crate) fn remove(&mut self, bytes: usize) {
        self.set(self.bytes.saturating_sub(bytes));
    }

    /// The buffers of the guest's waits have become so large.
    pub(crate) fn set_wait_bytes(&mut self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.wait_bytes) {
            Some(0) => return Ok(()),
            Some(more) => self.add(more)?,
            None => self.remove(self.wait_bytes - bytes),
        }
        self.wait_bytes = bytes;
        Ok(())
    }

    fn set(&mut self, bytes: usize) {
        self.bytes = bytes;
        self.counters.memory_bytes.set(bytes as u64);
    }

    fn grow(&mut self, bytes: usize, is_within_own_limit: bool) -> Result<bool> {
        if is_within_own_limit {
            self.add(bytes)?;
            return Ok(true);
        }
        match self.traps_on_grow_failure {
            true => Err(wasmtime::format_err!("growing beyond its limit")),
            false => Ok(false),
        }
    }

    fn note_failure(&self, error: wasmtime::Error) -> Result<()> {
        if self.traps_on_grow_failure { Err(error) } else { Ok(()) }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let may_have = desired <= self.one_memory_bytes_max.min(maximum.unwrap_or(usize::MAX));
        self.grow(desired.saturating_sub(current), may_have)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        self.note_failure(error)
    }

    /// An element is a pointer, or less.
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let may_have = desired <= self.table_elements_max.min(maximum.unwrap_or(usize::MAX));
        self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>()), may_have)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        self.note_failure(error)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        self.memories_max
    }
}
