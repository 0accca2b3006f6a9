//! How much memory a guest may have.

use crate::counters::Counters;
use crate::error::Stop;
use crate::limits::Limits;
use std::sync::Arc;
use wasmtime::{ResourceLimiter, Result};

/// Of memories, of tables and of instances, where nothing else is said; Wasmtime's own.
const COUNT_MAX: usize = 10_000;

/// What this host keeps for every small program doesn't count: a limit is one of the program's own memory then, to the
/// byte.
const HOST_BYTES_FREE: usize = 256 * 1024;

/// Counts what the guest has: all memories and tables together, and what this host keeps for it.
///
/// What the system had no room for stays counted. Wasmtime also tells of failures that it has not asked about before: a
/// guest that got them subtracted would have its count as low as it wants.
pub(crate) struct MemoryLimit {
    bytes_max: Option<usize>,
    /// Its memories and tables.
    own_bytes: usize,
    /// What this host keeps for it: instances, descriptors, and of these the buffers of its waits.
    host_bytes: usize,
    wait_bytes: usize,
    one_memory_bytes_max: usize,
    table_elements_max: usize,
    memories_max: usize,
    tables_max: usize,
    instances_max: usize,
    traps_on_grow_failure: bool,
    /// It has wanted more, which ends it.
    is_exceeded: bool,
    counters: Arc<Counters>,
}

impl MemoryLimit {
    pub(crate) fn new(limits: &Limits, counters: Arc<Counters>) -> MemoryLimit {
        MemoryLimit {
            bytes_max: limits.memory_bytes,
            own_bytes: 0,
            host_bytes: 0,
            wait_bytes: 0,
            one_memory_bytes_max: limits.one_memory_bytes.unwrap_or(usize::MAX),
            table_elements_max: limits.table_elements.unwrap_or(usize::MAX),
            memories_max: limits.memories.unwrap_or(COUNT_MAX),
            tables_max: limits.tables.unwrap_or(COUNT_MAX),
            instances_max: limits.instances.unwrap_or(COUNT_MAX),
            traps_on_grow_failure: limits.traps_on_grow_failure,
            is_exceeded: false,
            counters,
        }
    }

    /// Whether the guest has ended for it. Wasmtime doesn't always say so: a heap of collected objects that may not grow
    /// is a trap to it.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// Counts what this host keeps from now on, and ends the guest where all together may not be so much.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<()> {
        self.set(self.own_bytes, self.host_bytes.saturating_add(bytes))
    }

    /// This host keeps so much less.
    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.host_bytes = self.host_bytes.saturating_sub(bytes);
        self.report();
    }

    /// The buffers of the guest's waits have become so large.
    pub(crate) fn set_wait_bytes(&mut self, bytes: usize) -> Result<()> {
        let before = std::mem::replace(&mut self.wait_bytes, bytes);
        if before == bytes {
            return Ok(());
        }
        self.let_go(before);
        self.keep(bytes)
    }

    fn set(&mut self, own_bytes: usize, host_bytes: usize) -> Result<()> {
        let counted = own_bytes.saturating_add(host_bytes.saturating_sub(HOST_BYTES_FREE));
        if self.bytes_max.is_some_and(|limit| counted > limit) {
            self.is_exceeded = true;
            return Err(Stop::MemoryLimit.into());
        }
        (self.own_bytes, self.host_bytes) = (own_bytes, host_bytes);
        self.report();
        Ok(())
    }

    fn report(&self) {
        self.counters.memory_bytes.set(self.own_bytes.saturating_add(self.host_bytes) as u64);
    }

    fn grow(&mut self, bytes: usize, is_within_own_limit: bool) -> Result<bool> {
        if is_within_own_limit {
            self.set(self.own_bytes.saturating_add(bytes), self.host_bytes)?;
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
