//! The state of one running guest.

use crate::clock::MonotonicClock;
use crate::counters::Counters;
use crate::descriptors::{Descriptor, Descriptors};
use crate::error::Stop;
use crate::fellow_workers::FellowWorkers;
use crate::memory::LinearMemory;
use crate::memory_limit::MemoryLimit;
use crate::poll::Waits;
use crate::shutdown::Channel;
use crate::socket::{Role, Socket};
use crate::trace::Trace;
use crate::waiting::{Cancellation, Failure};
use std::sync::Arc;
use wasmtime::{AsContextMut, Caller, Extern, Memory};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;

/// What this host keeps for each descriptor of the guest, about.
const DESCRIPTOR_BYTES: usize = 256;

/// What the host functions work on; the data of the Wasmtime store.
pub(crate) struct Guest {
    /// The worker that it runs in, counted from 0.
    pub(crate) worker: usize,
    /// Arguments, environment, random numbers, directories and files.
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) descriptors: Descriptors,
    pub(crate) waits: Waits,
    pub(crate) clock: MonotonicClock,
    pub(crate) cancellation: Cancellation,
    pub(crate) memory_limit: MemoryLimit,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Option<Arc<Channel>>,
    pub(crate) trace: Option<Trace>,
    /// Those that have the same listeners, if there are any.
    pub(crate) fellow_workers: Option<FellowWorkers>,
    /// To be called when the guest waits for the first time.
    pub(crate) first_wait: Option<Box<dyn FnOnce() + Send>>,
    pub(crate) random_bytes_max: Option<u64>,
    /// No other module runs with it that has a memory of its own.
    pub(crate) is_alone: bool,
    /// The guest's memory, looked up by name once when it is alone.
    pub(crate) memory: Option<Memory>,
}

impl Guest {
    /// Gives `descriptor` a number.
    pub(crate) fn open(&mut self, descriptor: Descriptor) -> Result<u32, Failure> {
        self.memory_limit.keep(DESCRIPTOR_BYTES).map_err(Failure::End)?;
        let number = self.descriptors.insert(descriptor);
        self.waits.note_opened(number);
        Ok(number)
    }

    /// What the number `fd` stood for is about to be closed.
    pub(crate) fn note_closed(&mut self, fd: u32, closed: &Descriptor) {
        self.memory_limit.let_go(DESCRIPTOR_BYTES);
        if let Descriptor::Socket(socket) = closed
            && socket.role == Role::Stream
        {
            self.counters.closed.add(1);
            log::info!("worker {}: {} is closed, which had number {fd}", self.worker, socket.described());
        }
    }

    /// The socket with the number `fd` was accepted just now.
    pub(crate) fn note_accepted(&self, fd: u32) {
        self.counters.accepted.add(1);
        self.watch_idle(fd);
        if log::log_enabled!(log::Level::Info)
            && let Ok(socket) = self.descriptors.socket(fd)
        {
            log::info!("worker {}: {} has connected, and has number {fd}", self.worker, socket.described());
        }
    }

    /// Begins to look whether anything moves on a connection that has got the number `fd`.
    pub(crate) fn watch_idle(&self, fd: u32) {
        if let (Some(idle), Ok(socket)) = (&self.cancellation.idle, self.descriptors.socket(fd))
            && socket.role == Role::Stream
        {
            idle.watch(fd, socket);
        }
    }

    /// The guest is about to wait, for the first time if it has not before.
    pub(crate) fn tell_first_wait(&mut self) {
        if let Some(tell) = self.first_wait.take() {
            tell();
        }
    }

    pub(crate) fn note_received(&self, socket: &Socket, length: usize) {
        self.counters.received_bytes.add(length as u64);
        self.note_moved(socket, length);
    }

    pub(crate) fn note_sent(&self, socket: &Socket, length: usize) {
        self.counters.sent_bytes.add(length as u64);
        self.note_moved(socket, length);
    }

    fn note_moved(&self, socket: &Socket, length: usize) {
        if let Some(idle) = &self.cancellation.idle
            && length > 0
        {
            idle.note_moved(socket);
        }
    }

    /// Splits a call into the guest's memory and its state.
    pub(crate) fn enter<'a>(caller: &'a mut Caller<'_, Guest>) -> wasmtime::Result<(LinearMemory<'a>, &'a mut Guest)> {
        let memory = match caller.data().memory {
            Some(memory) => memory,
            None => {
                let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                    return Err(Stop::NoMemory.into());
                };
                if caller.data().is_alone {
                    caller.data_mut().memory = Some(memory);
                }
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
