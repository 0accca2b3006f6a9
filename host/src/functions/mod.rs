//! The functions of `wasi_snapshot_preview1`, as the guest imports them, and of its predecessor `wasi_unstable`.
//!
//! `wasmtime-wasi` has them too, without sockets and with descriptor numbers of
//! its own. Here sockets and standard streams are served, and files and
//! directories are forwarded to it under their inner number.

mod clock;
mod descriptor;
mod file;
mod poll;
mod process;
mod socket;
mod unstable;

use crate::errno::Errno;
use crate::guest::Guest;
use crate::waiting::Failure;
use wasmtime::{Linker, Result};

/// The names under which guests import the functions.
const PREVIEW1: &str = "wasi_snapshot_preview1";
const UNSTABLE: &str = "wasi_unstable";

/// Links a function of this host: `define!(linker, module, function(arguments));`
macro_rules! define {
    ($linker:ident, $module:ident, $name:ident ( $($argument:ident: $type:ty),* )) => {
        $linker.func_wrap(
            $module,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, $($argument: $type),*| -> Result<u32> {
                let (mut memory, guest) = Guest::enter(&mut caller)?;
                let result = $name(&mut memory, guest, $($argument),*);
                if let Some(trace) = &guest.trace {
                    let arguments = [$((stringify!($argument), u64::from($argument))),*];
                    trace.tell(guest.worker, stringify!($name), &arguments, &memory, &result);
                }
                $crate::functions::answer(result)
            },
        )?
    };
}

/// All functions that a guest can import.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    for module in [PREVIEW1, UNSTABLE] {
        process::link(linker, module)?;
        clock::link(linker, module)?;
        poll::link(linker, module)?;
        socket::link(linker, module)?;
        descriptor::link(linker, module)?;
        file::link(linker, module)?;
    }
    linker.allow_shadowing(true);
    unstable::link(linker, UNSTABLE)
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
