//! `wasi_unstable`, the predecessor of preview1, where it differs: records have another layout, and `fd_seek` counts
//! from elsewhere. Programs of 2019 and 2020 import it.

use super::define;
use super::descriptor::fd_filestat_get as filestat_of_descriptor;
use super::file::{finish, forwarded, inner_number};
use super::poll::{check_places, report, wait};
use crate::errno::Errno;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::poll::Record;
use crate::waiting::Failure;
use wasmtime::{Caller, Linker, Result};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as inner;

const SUBSCRIPTION_SIZE: usize = 56;
const FILESTAT_SIZE: usize = 56;
const PREVIEW1_FILESTAT_SIZE: u32 = 64;

const CLOCK: u8 = 0;

/// What preview1 calls the places that `fd_seek` counts from, by their number here: the current one, the end, the
/// beginning.
const WHENCE: [u32; 3] = [1, 2, 0];

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    define!(linker, module, fd_filestat_get(fd: u32, stat: u32));
    define!(linker, module, fd_seek(fd: u32, offset: u64, whence: u32, position: u32));
    define!(linker, module, path_filestat_get(fd: u32, flags: u32, path: u32, length: u32, stat: u32));
    define!(linker, module, poll_oneoff(unstable_subscriptions: u32, events: u32, count: u32, events_count: u32));
    Ok(())
}

fn fd_filestat_get(memory: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32, stat: u32) -> Result<(), Failure> {
    memory.range(stat, FILESTAT_SIZE as u32)?;
    let told = in_scratch(memory, |memory, place| filestat_of_descriptor(memory, guest, fd, place))?;
    Ok(memory.write(stat, &as_unstable(&told))?)
}

fn path_filestat_get(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    flags: u32,
    path: u32,
    length: u32,
    stat: u32,
) -> Result<(), Failure> {
    memory.range(stat, FILESTAT_SIZE as u32)?;
    let fd = inner_number(&guest.descriptors, fd.cast_signed(), Errno::NOTDIR)?;
    let [flags, path, length] = [flags, path, length].map(u32::cast_signed);
    let told = in_scratch(memory, |memory, place| {
        let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
        forwarded(finish(inner::path_filestat_get(wasi, &mut memory, fd, flags, path, length, place.cast_signed())))
    })?;
    Ok(memory.write(stat, &as_unstable(&told))?)
}

fn fd_seek(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    offset: u64,
    whence: u32,
    position: u32,
) -> Result<(), Failure> {
    let fd = inner_number(&guest.descriptors, fd.cast_signed(), Errno::SPIPE)?;
    let whence = *WHENCE.get(whence as usize).ok_or(Errno::INVAL)?;
    let (wasi, mut memory) = (&mut guest.wasi, memory.forward());
    let (offset, whence, position) = (offset.cast_signed(), whence.cast_signed(), position.cast_signed());
    forwarded(finish(inner::fd_seek(wasi, &mut memory, fd, offset, whence, position)))
}

fn poll_oneoff(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    unstable_subscriptions: u32,
    events: u32,
    count: u32,
    events_count: u32,
) -> Result<(), Failure> {
    check_places(memory, events, count, events_count)?;
    let array = memory.records(unstable_subscriptions, count, SUBSCRIPTION_SIZE as u32)?;
    let (array, _) = array.as_chunks();
    let array: Vec<Record> = array.iter().map(subscription).collect();
    let ready = wait(guest, &array, unstable_subscriptions)?;
    report(memory, events, events_count, ready)
}

/// A clock has an identifier more here, 8 bytes before all else that is its own.
fn subscription(unstable: &[u8; SUBSCRIPTION_SIZE]) -> Record {
    let mut record = [0; size_of::<Record>()];
    let (common, own) = unstable.split_at(16);
    record[..16].copy_from_slice(common);
    let own = if common[8] == CLOCK { &own[8..] } else { &own[..32] };
    record[16..].copy_from_slice(own);
    record
}

/// The number of links is half as long.
fn as_unstable(filestat: &[u8; PREVIEW1_FILESTAT_SIZE as usize]) -> [u8; FILESTAT_SIZE] {
    let mut unstable = [0; FILESTAT_SIZE];
    unstable[..17].copy_from_slice(&filestat[..17]);
    unstable[20..24].copy_from_slice(&filestat[24..28]);
    unstable[24..].copy_from_slice(&filestat[32..]);
    unstable
}

/// Has `call` write a record of preview1 to the beginning of the guest's memory, which is as before afterwards.
fn in_scratch(
    memory: &mut LinearMemory<'_>,
    call: impl FnOnce(&mut LinearMemory<'_>, u32) -> Result<(), Failure>,
) -> Result<[u8; PREVIEW1_FILESTAT_SIZE as usize], Failure> {
    let mut told = [0; PREVIEW1_FILESTAT_SIZE as usize];
    let mut before = told;
    before.copy_from_slice(memory.records(0, PREVIEW1_FILESTAT_SIZE, 1)?);
    let result = call(memory, 0);
    told.copy_from_slice(memory.records(0, PREVIEW1_FILESTAT_SIZE, 1)?);
    memory.write(0, &before)?;
    result.map(|()| told)
}
