//! The functions of `wasi_snapshot_preview1`, as the guest imports them.
//!
//! `wasmtime-wasi` provides them all, without sockets and with descriptor
//! numbers of its own. Here every function that takes or returns a descriptor
//! is put in front of its: sockets and standard streams are served here, files
//! and directories are forwarded under their inner number.

mod descriptor;
mod file;
mod socket;

use crate::errno::Errno;
use crate::error::Stop;
use crate::guest::Guest;
use crate::poll;
use crate::waiting::Failure;
use wasmtime::{Caller, Linker, Result};

/// The name under which guests import the functions.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// Links a function of this host: `define!(linker, function(arguments));`
macro_rules! define {
    ($linker:ident, $($path:ident)::+ ( $($argument:ident: $type:ty),* )) => {
        $linker.func_wrap(
            MODULE,
            $crate::functions::last_name(stringify!($($path)::+)),
            |mut caller: Caller<'_, Guest>, $($argument: $type),*| -> Result<u32> {
                let (mut memory, guest) = Guest::enter(&mut caller)?;
                $crate::functions::answer($($path)::+(&mut memory, guest, $($argument),*))
            },
        )?
    };
}

/// All functions that a guest can import.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p1::add_to_linker_sync(linker, |guest| &mut guest.wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> Result<()> { Err(Stop::Exit(code).into()) })?;
    define!(linker, poll::poll_oneoff(subscriptions: u32, events: u32, count: u32, events_count: u32));
    define!(linker, socket::sock_accept(fd: u32, flags: u32, accepted: u32));
    define!(linker, socket::sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, flags_out: u32));
    define!(linker, socket::sock_send(fd: u32, buffers: u32, count: u32, flags: u32, sent: u32));
    define!(linker, socket::sock_shutdown(fd: u32, how: u32));
    descriptor::link(linker)?;
    file::link(linker)
}

fn last_name(path: &str) -> &str {
    path.rsplit(':').next().map_or(path, str::trim)
}

/// A host function's result as the guest gets it.
fn answer(result: Result<(), Failure>) -> Result<u32> {
    match result {
        Ok(()) => Ok(0),
        Err(Failure::Errno(Errno(number))) => Ok(number.into()),
        Err(Failure::End(error)) => Err(error),
    }
}

use define;
