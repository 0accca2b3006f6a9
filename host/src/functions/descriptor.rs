//! Functions that every kind of descriptor has: served here for sockets and
//! standard streams, forwarded for files and directories.

use super::define;
use super::file::{finish, forwarded};
use super::socket::FLAG_NONBLOCK;
use crate::descriptors::Descriptor;
use crate::errno::Errno;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::socket::Role;
use crate::waiting::Failure;
use wasmtime::{Caller, Linker, Result};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as inner;

const FILETYPE_UNKNOWN: u8 = 0;
const FILETYPE_CHARACTER_DEVICE: u8 = 2;
const FILETYPE_SOCKET_STREAM: u8 = 6;

const RIGHT_READ: u64 = 1 << 1;
const RIGHT_SET_FLAGS: u64 = 1 << 3;
const RIGHT_WRITE: u64 = 1 << 6;
const RIGHT_FILESTAT: u64 = 1 << 21;
const RIGHT_POLL: u64 = 1 << 27;
const RIGHT_SHUTDOWN: u64 = 1 << 28;
const RIGHT_ACCEPT: u64 = 1 << 29;

const RIGHTS_OF_ALL: u64 = RIGHT_SET_FLAGS | RIGHT_FILESTAT | RIGHT_POLL;
const RIGHTS_OF_STREAM: u64 = RIGHTS_OF_ALL | RIGHT_READ | RIGHT_WRITE | RIGHT_SHUTDOWN;
const RIGHTS_OF_LISTENER: u64 = RIGHTS_OF_ALL | RIGHT_ACCEPT;
const RIGHTS_OF_SHUTDOWN: u64 = RIGHT_READ | RIGHT_POLL;

/// Any tag of a preopen but that of a directory, which is 0.
const PRESTAT_NO_DIRECTORY: u8 = 1;

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    define!(linker, module, fd_close(fd: u32));
    define!(linker, module, fd_fdstat_get(fd: u32, stat: u32));
    define!(linker, module, fd_fdstat_set_flags(fd: u32, flags: u32));
    define!(linker, module, fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64));
    define!(linker, module, fd_filestat_get(fd: u32, stat: u32));
    define!(linker, module, fd_prestat_get(fd: u32, prestat: u32));
    define!(linker, module, fd_read(fd: u32, buffers: u32, count: u32, read: u32));
    define!(linker, module, fd_renumber(from: u32, to: u32));
    define!(linker, module, fd_write(fd: u32, buffers: u32, count: u32, written: u32));
    define!(linker, module, path_open(fd: u32, lookup: u32, path: u32, length: u32, open: u32,
        rights: u64, inheriting: u64, flags: u32, opened: u32));
    Ok(())
}

fn fd_read(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    buffers: u32,
    count: u32,
    read: u32,
) -> Result<(), Failure> {
    memory.range(read, 4)?;
    let cancellation = &guest.cancellation;
    let length = match guest.descriptors.get(fd)? {
        Descriptor::Socket(socket) => {
            let length =
                memory.with_vectors(buffers, count, |vectors| socket.receive(vectors, false, cancellation))??;
            guest.note_received(socket, length);
            length
        }
        Descriptor::Stdio(stdio) => {
            memory.with_vectors(buffers, count, |vectors| stdio.read(vectors, cancellation))??
        }
        Descriptor::Shutdown(request) => memory.with_vectors(buffers, count, |vectors| request.read(vectors))??,
        &Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let arguments = [number, buffers, count, read].map(u32::cast_signed);
            let [number, buffers, count, read] = arguments;
            return forwarded(finish(inner::fd_read(wasi, &mut memory, number, buffers, count, read)));
        }
    };
    Ok(memory.write_u32(read, length as u32)?)
}

fn fd_write(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    buffers: u32,
    count: u32,
    written: u32,
) -> Result<(), Failure> {
    memory.range(written, 4)?;
    let cancellation = &guest.cancellation;
    let length = match guest.descriptors.get(fd)? {
        Descriptor::Socket(socket) => {
            let length = memory.with_vectors(buffers, count, |vectors| socket.send(vectors, cancellation))??;
            guest.note_sent(socket, length);
            length
        }
        Descriptor::Stdio(stdio) => {
            memory.with_vectors(buffers, count, |vectors| stdio.write(vectors, cancellation))??
        }
        Descriptor::Shutdown(_) => return Err(Errno::BADF.into()),
        &Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let arguments = [number, buffers, count, written].map(u32::cast_signed);
            let [number, buffers, count, written] = arguments;
            return forwarded(finish(inner::fd_write(wasi, &mut memory, number, buffers, count, written)));
        }
    };
    Ok(memory.write_u32(written, length as u32)?)
}

fn fd_close(_: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32) -> Result<(), Failure> {
    // A program may close all numbers that it knows; requests to end come all the same.
    if let Descriptor::Shutdown(_) = guest.descriptors.get(fd)? {
        return Ok(());
    }
    let closed = guest.descriptors.remove(fd)?;
    guest.waits.forget(fd, &closed);
    guest.note_closed(fd, &closed);
    close(guest, closed)
}

/// The number `from` goes away, `to` stands for what it stood for.
///
/// `to` may be closed, as for dup2: programs that redirect their output move it away, put a file in its place, and bring
/// it back. Refused, they would go on, and the next file that they open would get the number of their output.
fn fd_renumber(_: &mut LinearMemory<'_>, guest: &mut Guest, from: u32, to: u32) -> Result<(), Failure> {
    let moved = guest.descriptors.get(from)?;
    let replaced = guest.descriptors.get(to);
    if let (Descriptor::Shutdown(_), _) | (_, Ok(Descriptor::Shutdown(_))) = (moved, replaced) {
        return Err(Errno::NOTSUP.into());
    }
    if !guest.descriptors.has_been_open(to) {
        return Err(Errno::BADF.into());
    }
    if from == to {
        return Ok(());
    }
    guest.waits.forget(from, moved);
    match guest.descriptors.renumber(from, to)? {
        Some(replaced) => {
            guest.waits.forget(to, &replaced);
            guest.note_closed(to, &replaced);
            guest.watch_idle(to);
            close(guest, replaced)
        }
        None => {
            guest.waits.note_opened(to);
            guest.watch_idle(to);
            Ok(())
        }
    }
}

fn close(guest: &mut Guest, descriptor: Descriptor) -> Result<(), Failure> {
    match descriptor {
        Descriptor::Socket(socket) => drop(socket),
        // The stream is the process's own, and others may still write to it.
        Descriptor::Stdio(_) | Descriptor::Shutdown(_) => {}
        Descriptor::File(number) => {
            let mut no_memory = wiggle::GuestMemory::Unshared(&mut []);
            let number = number.cast_signed();
            let call = inner::fd_close(&mut guest.wasi, &mut no_memory, number);
            return forwarded(finish(call));
        }
    }
    Ok(())
}

/// Type at 0, flags at 2, rights at 8, rights of what is opened through it at 16.
fn fd_fdstat_get(memory: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32, stat: u32) -> Result<(), Failure> {
    let (filetype, nonblocking, rights, inheriting) = match guest.descriptors.get(fd)? {
        Descriptor::Socket(socket) => {
            let (rights, inheriting) = match socket.role {
                Role::Listener => (RIGHTS_OF_LISTENER, RIGHTS_OF_STREAM),
                Role::Stream => (RIGHTS_OF_STREAM, 0),
            };
            (FILETYPE_SOCKET_STREAM, socket.nonblocking, rights, inheriting)
        }
        Descriptor::Stdio(stdio) => {
            let filetype = match stdio.is_terminal() {
                true => FILETYPE_CHARACTER_DEVICE,
                false => FILETYPE_UNKNOWN,
            };
            let direction = match stdio.is_input() {
                true => RIGHT_READ,
                false => RIGHT_WRITE,
            };
            (filetype, stdio.nonblocking, RIGHTS_OF_ALL | direction, 0)
        }
        Descriptor::Shutdown(_) => (FILETYPE_UNKNOWN, true, RIGHTS_OF_SHUTDOWN, 0),
        &Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let (number, stat) = (number.cast_signed(), stat.cast_signed());
            return forwarded(finish(inner::fd_fdstat_get(wasi, &mut memory, number, stat)));
        }
    };
    let mut bytes = [0; 24];
    bytes[0] = filetype;
    if nonblocking {
        bytes[2] = FLAG_NONBLOCK as u8;
    }
    bytes[8..16].copy_from_slice(&u64::to_le_bytes(rights));
    bytes[16..24].copy_from_slice(&u64::to_le_bytes(inheriting));
    Ok(memory.write(stat, &bytes)?)
}

fn fd_fdstat_set_flags(memory: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32, flags: u32) -> Result<(), Failure> {
    let nonblocking = match guest.descriptors.get_mut(fd)? {
        Descriptor::Socket(socket) => &mut socket.nonblocking,
        Descriptor::Stdio(stdio) => &mut stdio.nonblocking,
        // It is non-blocking, and stays so.
        Descriptor::Shutdown(_) if flags == FLAG_NONBLOCK => return Ok(()),
        Descriptor::Shutdown(_) => return Err(Errno::NOTSUP.into()),
        &mut Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let (number, flags) = (number.cast_signed(), flags.cast_signed());
            return forwarded(inner::fd_fdstat_set_flags(wasi, &mut memory, number, flags));
        }
    };
    if flags & !FLAG_NONBLOCK != 0 {
        return Err(Errno::INVAL.into());
    }
    *nonblocking = flags != 0;
    Ok(())
}

/// Rights are what a kind of descriptor can do; they can't be given up.
fn fd_fdstat_set_rights(
    _: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    _base: u64,
    _inheriting: u64,
) -> Result<(), Failure> {
    guest.descriptors.get(fd)?;
    Err(Errno::NOTSUP.into())
}

/// Device at 0, inode at 8, type at 16, links at 24, size at 32, three times
/// from 40 on: a socket or stream has none but the type.
pub(super) fn fd_filestat_get(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    stat: u32,
) -> Result<(), Failure> {
    let filetype = match guest.descriptors.get(fd)? {
        Descriptor::Socket(_) => FILETYPE_SOCKET_STREAM,
        Descriptor::Stdio(stdio) if stdio.is_terminal() => FILETYPE_CHARACTER_DEVICE,
        Descriptor::Stdio(_) | Descriptor::Shutdown(_) => FILETYPE_UNKNOWN,
        &Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let (number, stat) = (number.cast_signed(), stat.cast_signed());
            return forwarded(finish(inner::fd_filestat_get(wasi, &mut memory, number, stat)));
        }
    };
    let mut bytes = [0; 64];
    bytes[16] = filetype;
    Ok(memory.write(stat, &bytes)?)
}

/// Libraries look for preopened directories from number 3 on and stop at the
/// first number that is not open. Sockets come before directories, so until
/// the directories are reached a socket answers as a preopen of a kind that
/// those libraries pass over.
fn fd_prestat_get(memory: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32, prestat: u32) -> Result<(), Failure> {
    match guest.descriptors.get(fd)? {
        Descriptor::Socket(_) if guest.descriptors.precedes_directories(fd) => {
            Ok(memory.write(prestat, &[PRESTAT_NO_DIRECTORY, 0, 0, 0, 0, 0, 0, 0])?)
        }
        Descriptor::Socket(_) | Descriptor::Stdio(_) | Descriptor::Shutdown(_) => Err(Errno::BADF.into()),
        &Descriptor::File(number) => {
            let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
            let (number, prestat) = (number.cast_signed(), prestat.cast_signed());
            forwarded(inner::fd_prestat_get(wasi, &mut memory, number, prestat))
        }
    }
}

/// What is opened gets a number here, in place of the inner one.
#[expect(clippy::too_many_arguments, reason = "the function's signature in preview1")]
fn path_open(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    open: u32,
    rights: u64,
    inheriting: u64,
    flags: u32,
    opened: u32,
) -> Result<(), Failure> {
    let number = match guest.descriptors.get(fd)? {
        &Descriptor::File(number) => number,
        Descriptor::Socket(_) | Descriptor::Stdio(_) | Descriptor::Shutdown(_) => return Err(Errno::NOTDIR.into()),
    };
    memory.range(opened, 4)?;
    // The inner function wants a place that is aligned, and fails for another one when the file is open already.
    let place = opened & !3;
    let before = memory.read_u32(place)?;
    forwarded(finish(inner::path_open(
        &mut guest.wasi,
        &mut memory.forward(),
        number.cast_signed(),
        lookup.cast_signed(),
        path.cast_signed(),
        length.cast_signed(),
        open.cast_signed(),
        rights.cast_signed(),
        inheriting.cast_signed(),
        flags.cast_signed(),
        place.cast_signed(),
    )))?;
    let file = Descriptor::File(memory.read_u32(place)?);
    memory.write_u32(place, before)?;
    let number = guest.open(file)?;
    Ok(memory.write_u32(opened, number)?)
}
