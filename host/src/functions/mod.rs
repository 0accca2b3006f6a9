//! The functions of `wasi_snapshot_preview1`, as the guest imports them.
//!
//! `wasmtime-wasi` provides them all, without sockets and with descriptor
//! numbers of its own. Here every function that takes or returns a descriptor
//! is put in front of its: sockets and standard streams are served here, files
//! and directories are forwarded under their inner number.

mod descriptor;
mod file;
mod poll;
mod socket;

use crate::errno::Errno;
use crate::error::Stop;
use crate::guest::Guest;
use crate::waiting::Failure;
use wasmtime::{Linker, Result};

/// The name under which guests import the functions.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// Links a function of this host: `define!(linker, function(arguments));`
macro_rules! define {
    ($linker:ident, $name:ident ( $($argument:ident: $type:ty),* )) => {
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, $($argument: $type),*| -> Result<u32> {
                let (mut memory, guest) = Guest::enter(&mut caller)?;
                $crate::functions::answer($name(&mut memory, guest, $($argument),*))
            },
        )?
    };
}

/// All functions that a guest can import.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p1::add_to_linker_sync(linker, |guest| &mut guest.wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> Result<()> { Err(Stop::Exit(code).into()) })?;
    poll::link(linker)?;
    socket::link(linker)?;
    descriptor::link(linker)?;
    file::link(linker)
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
