//! `sock_*`: accept, receive, send, shut down.

use super::define;
use crate::descriptors::Descriptor;
use crate::errno::Errno;
use crate::fellow_workers::FellowWorkers;
use crate::guest::Guest;
use crate::memory::LinearMemory;
use crate::socket::Socket;
use crate::waiting::Failure;
use selectio_platform::Interest;
use std::net::Shutdown;
use wasmtime::{Caller, Linker, Result};

/// The only descriptor flag that means something to a socket.
pub(super) const FLAG_NONBLOCK: u32 = 4;

const RECEIVE_PEEK: u32 = 1;
const RECEIVE_WAITALL: u32 = 2;

const SHUT_READ: u32 = 1;
const SHUT_WRITE: u32 = 2;
const SHUT_BOTH: u32 = 3;

pub(super) fn link(linker: &mut Linker<Guest>, module: &str) -> Result<()> {
    define!(linker, module, sock_accept(fd: u32, flags: u32, accepted: u32));
    define!(linker, module, sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, flags_out: u32));
    define!(linker, module, sock_send(fd: u32, buffers: u32, count: u32, flags: u32, sent: u32));
    define!(linker, module, sock_shutdown(fd: u32, how: u32));
    Ok(())
}

fn sock_accept(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    flags: u32,
    accepted: u32,
) -> Result<(), Failure> {
    if !guest.descriptors.socket(fd)?.nonblocking {
        guest.tell_first_wait();
    }
    let listener = guest.descriptors.socket(fd)?;
    if flags & !FLAG_NONBLOCK != 0 {
        return Err(Errno::INVAL.into());
    }
    // Checked before accepting, so that no connection gets lost on a bad pointer.
    memory.range(accepted, 4)?;
    guest.descriptors.room_for_socket()?;
    let stream = accept(guest, listener, flags != 0)?;
    let number = guest.open(Descriptor::Socket(stream))?;
    guest.note_accepted(number);
    Ok(memory.write_u32(accepted, number)?)
}

/// While connections are kept away, there is none, however long the guest waits.
fn accept(guest: &Guest, listener: &Socket, nonblocking: bool) -> Result<Socket, Failure> {
    let fellows = guest.fellow_workers.as_ref().filter(|_| listener.nonblocking);
    if fellows.is_some_and(FellowWorkers::should_have_the_next) {
        return Err(Errno::AGAIN.into());
    }
    if let Some(shutdown) = &guest.shutdown
        && shutdown.keeps_connections_away()
    {
        if listener.nonblocking {
            return Err(Errno::AGAIN.into());
        }
        // It tells nothing to a guest that has not asked for it.
        guest.cancellation.wait(shutdown.borrow(), Interest::READ)?;
    }
    let accepted = listener.accept(nonblocking, &guest.cancellation);
    if let Some(fellows) = fellows {
        fellows.note_taken();
    }
    accepted
}

/// Peeking does not wait for all: what is there is enough for it.
#[expect(clippy::too_many_arguments, reason = "the function's signature in preview1")]
fn sock_recv(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    buffers: u32,
    count: u32,
    flags: u32,
    received: u32,
    flags_out: u32,
) -> Result<(), Failure> {
    let socket = guest.descriptors.socket(fd)?;
    if flags & !(RECEIVE_PEEK | RECEIVE_WAITALL) != 0 {
        return Err(Errno::INVAL.into());
    }
    memory.range(received, 4)?;
    memory.range(flags_out, 2)?;
    let cancellation = &guest.cancellation;
    let length = memory.with_vectors(buffers, count, |vectors| {
        if flags == RECEIVE_WAITALL {
            socket.receive_all(vectors, cancellation)
        } else {
            socket.receive(vectors, flags & RECEIVE_PEEK != 0, cancellation)
        }
    })??;
    if flags & RECEIVE_PEEK == 0 {
        guest.note_received(socket, length);
    }
    memory.write_u32(received, length as u32)?;
    // The one flag, "data truncated", is for datagrams.
    Ok(memory.write_u16(flags_out, 0)?)
}

fn sock_send(
    memory: &mut LinearMemory<'_>,
    guest: &mut Guest,
    fd: u32,
    buffers: u32,
    count: u32,
    flags: u32,
    sent: u32,
) -> Result<(), Failure> {
    let socket = guest.descriptors.socket(fd)?;
    if flags != 0 {
        return Err(Errno::INVAL.into());
    }
    memory.range(sent, 4)?;
    let cancellation = &guest.cancellation;
    let length = memory.with_vectors(buffers, count, |vectors| socket.send(vectors, cancellation))??;
    guest.note_sent(socket, length);
    Ok(memory.write_u32(sent, length as u32)?)
}

fn sock_shutdown(_memory: &mut LinearMemory<'_>, guest: &mut Guest, fd: u32, how: u32) -> Result<(), Failure> {
    let socket = guest.descriptors.socket(fd)?;
    let how = match how {
        SHUT_READ => Shutdown::Read,
        SHUT_WRITE => Shutdown::Write,
        SHUT_BOTH => Shutdown::Both,
        _ => return Err(Errno::INVAL.into()),
    };
    Ok(socket.shutdown(how)?)
}
