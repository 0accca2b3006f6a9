//! What a program learns about itself, and chance.

use super::define;
use super::file::{forward, result_of};
use crate::errno::Errno;
use crate::error::Stop;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::waiting::Failure;
use std::thread;
use wasmtime::{Caller, Linker, Result};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as inner;

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    forward!(linker, module, otherwise BADF, direct args_get[](arguments: i32, buffer: i32));
    forward!(linker, module, otherwise BADF, direct args_sizes_get[](count: i32, size: i32));
    forward!(linker, module, otherwise BADF, direct environ_get[](variables: i32, buffer: i32));
    forward!(linker, module, otherwise BADF, direct environ_sizes_get[](count: i32, size: i32));
    linker.func_wrap(module, "proc_exit", proc_exit)?;
    define!(linker, module, proc_raise(signal: u32));
    define!(linker, module, random_get(buffer: u32, length: u32));
    define!(linker, module, sched_yield());
    Ok(())
}

fn proc_exit(caller: Caller<'_, Guest>, code: u32) -> Result<()> {
    let guest = caller.data();
    if let Some(trace) = &guest.trace {
        trace.tell_exit(guest.worker, code);
    }
    Err(Stop::Exit(code).into())
}

/// There are no signals within a guest.
fn proc_raise(_: &mut LinearMemory<'_>, _: &mut Guest, _signal: u32) -> Result<(), Failure> {
    Err(Errno::NOTSUP.into())
}

fn random_get(memory: &mut LinearMemory<'_>, guest: &mut Guest, buffer: u32, length: u32) -> Result<(), Failure> {
    if guest.random_bytes_max.is_some_and(|limit| u64::from(length) > limit) {
        return Err(Failure::End(wasmtime::format_err!(
            "it asked for {length} random bytes, more than it may at a time"
        )));
    }
    let bytes = memory.records_mut(buffer, length, 1)?;
    getrandom::fill(bytes).map_err(|_| Errno::IO.into())
}

fn sched_yield(_: &mut LinearMemory<'_>, _: &mut Guest) -> Result<(), Failure> {
    thread::yield_now();
    Ok(())
}
