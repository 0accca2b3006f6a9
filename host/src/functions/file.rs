//! Functions that only files and directories have: forwarded to
//! `wasmtime-wasi`, with the descriptor's inner number in place of the guest's.

use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::guest::Guest;
use crate::waiting::Failure;
use std::pin::pin;
use wasmtime::{Caller, Linker, Result};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as inner;
use wasmtime_wasi::runtime::{in_tokio, poll_noop};

/// Links a forwarded function:
/// `forward!(linker, module, otherwise ERRNO, async name[descriptors](arguments));`
///
/// A descriptor that is open but no file gets the error named first.
macro_rules! forward {
    ($linker:ident, $module:ident, otherwise $errno:ident,
     $kind:ident $name:ident [$($fd:ident),*] ($($argument:ident: $type:ty),*)) => {
        $linker.func_wrap(
            $module,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, $($argument: $type),*| -> Result<u32> {
                let (mut memory, guest) = Guest::enter(&mut caller)?;
                let arguments = [$((stringify!($argument), $argument as u64)),*];
                let mut call = || {
                    $(let $fd = $crate::functions::file::inner_number(&guest.descriptors, $fd, Errno::$errno)?;)*
                    let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
                    $crate::functions::file::forwarded(result_of!($kind inner::$name(wasi, &mut memory, $($argument),*)))
                };
                let result = call();
                if let Some(trace) = &guest.trace {
                    trace.tell(guest.worker, stringify!($name), &arguments, &memory, &result);
                }
                $crate::functions::answer(result)
            },
        )?
    };
}

/// Some inner functions are asynchronous: they have ended before this returns.
macro_rules! result_of {
    (async $call:expr) => {
        $crate::functions::file::finish($call)
    };
    (direct $call:expr) => {
        $call
    };
}

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    link_contents(linker, module)?;
    link_paths(linker, module)
}

fn link_contents(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    forward!(linker, module, otherwise SPIPE, async fd_advise[fd](fd: i32, offset: i64, length: i64, advice: i32));
    forward!(linker, module, otherwise INVAL, direct fd_allocate[fd](fd: i32, offset: i64, length: i64));
    forward!(linker, module, otherwise INVAL, async fd_datasync[fd](fd: i32));
    forward!(linker, module, otherwise INVAL, async fd_filestat_set_size[fd](fd: i32, size: i64));
    forward!(linker, module, otherwise INVAL, async fd_filestat_set_times[fd](fd: i32, accessed: i64, modified: i64, flags: i32));
    forward!(linker, module, otherwise SPIPE, async fd_pread[fd](fd: i32, buffers: i32, count: i32, offset: i64, read: i32));
    forward!(linker, module, otherwise NOTDIR, direct fd_prestat_dir_name[fd](fd: i32, path: i32, length: i32));
    forward!(linker, module, otherwise SPIPE, async fd_pwrite[fd](fd: i32, buffers: i32, count: i32, offset: i64, written: i32));
    forward!(linker, module, otherwise NOTDIR, async fd_readdir[fd](fd: i32, buffer: i32, length: i32, cookie: i64, used: i32));
    forward!(linker, module, otherwise SPIPE, async fd_seek[fd](fd: i32, offset: i64, whence: i32, position: i32));
    forward!(linker, module, otherwise INVAL, async fd_sync[fd](fd: i32));
    forward!(linker, module, otherwise SPIPE, direct fd_tell[fd](fd: i32, position: i32));
    Ok(())
}

fn link_paths(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    forward!(linker, module, otherwise NOTDIR, async path_create_directory[fd](fd: i32, path: i32, length: i32));
    forward!(linker, module, otherwise NOTDIR, async path_filestat_get[fd](fd: i32, flags: i32, path: i32, length: i32, stat: i32));
    forward!(linker, module, otherwise NOTDIR, async path_filestat_set_times[fd](
        fd: i32, flags: i32, path: i32, length: i32, accessed: i64, modified: i64, which: i32));
    forward!(linker, module, otherwise NOTDIR, async path_link[old_fd, new_fd](
        old_fd: i32, flags: i32, old: i32, old_length: i32, new_fd: i32, new: i32, new_length: i32));
    forward!(linker, module, otherwise NOTDIR, async path_readlink[fd](
        fd: i32, path: i32, length: i32, buffer: i32, buffer_length: i32, used: i32));
    forward!(linker, module, otherwise NOTDIR, async path_remove_directory[fd](fd: i32, path: i32, length: i32));
    forward!(linker, module, otherwise NOTDIR, async path_rename[old_fd, new_fd](
        old_fd: i32, old: i32, old_length: i32, new_fd: i32, new: i32, new_length: i32));
    forward!(linker, module, otherwise NOTDIR, async path_symlink[fd](
        old: i32, old_length: i32, fd: i32, new: i32, new_length: i32));
    forward!(linker, module, otherwise NOTDIR, async path_unlink_file[fd](fd: i32, path: i32, length: i32));
    Ok(())
}

/// The number of a file or directory in the inner table.
pub(super) fn inner_number(descriptors: &Descriptors, fd: i32, otherwise: Errno) -> Result<i32, Errno> {
    match descriptors.get(fd.cast_unsigned())? {
        Descriptor::File(number) => Ok(number.cast_signed()),
        Descriptor::Socket(_) | Descriptor::Stdio(_) | Descriptor::Shutdown(_) => Err(otherwise),
    }
}

/// Runs an inner function to its end. Most end at once, and need no runtime.
pub(super) fn finish<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    match poll_noop(call.as_mut()) {
        Some(result) => result,
        None => in_tokio(call),
    }
}

/// The result of an inner function in the terms of this host's.
pub(super) fn forwarded(result: Result<i32>) -> Result<(), Failure> {
    match result {
        Ok(0) => Ok(()),
        Ok(number) => Err(u16::try_from(number).map_or(Errno::IO, Errno).into()),
        // A bad pointer is the same everywhere.
        Err(error) if error.is::<wiggle::GuestError>() => Err(Errno::FAULT.into()),
        Err(error) => Err(Failure::End(error)),
    }
}

pub(super) use {forward, result_of};
