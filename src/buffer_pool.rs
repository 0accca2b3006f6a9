//! Spare buffers of this thread, so that a socket holds memory only while it holds bytes.
//!
//! A server with many idle connections pays for none of their buffers, and one that is busy allocates nothing:
//! each turn takes a buffer from here and gives it back.

use std::cell::RefCell;

/// The room for one receive: what one system call can bring.
pub(crate) const RECEIVE_BUFFER_SIZE: usize = 64 * 1024;

/// Handlers that read from other sockets nest; more than this many deep, buffers are allocated.
const RECEIVE_BUFFERS_MAX: usize = 4;
/// A send buffer that has grown beyond this is given back to the allocator.
const SEND_BUFFER_CAPACITY_MAX: usize = 64 * 1024;
/// How much all spare send buffers of a thread may hold together.
const SEND_BUFFERS_CAPACITY_MAX: usize = 1024 * 1024;

#[derive(Default)]
struct Pool {
    /// Each of `RECEIVE_BUFFER_SIZE` initialised bytes.
    receive: Vec<Vec<u8>>,
    send: Vec<Vec<u8>>,
    send_capacity: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A buffer of [`RECEIVE_BUFFER_SIZE`] bytes with any content.
pub(crate) fn take_receive_buffer() -> Vec<u8> {
    let spare = POOL.try_with(|pool| pool.borrow_mut().receive.pop()).ok().flatten();
    spare.unwrap_or_else(|| vec![0; RECEIVE_BUFFER_SIZE])
}

/// Gives a buffer back that came from [`take_receive_buffer`].
pub(crate) fn give_receive_buffer(buffer: Vec<u8>) {
    // The pool is gone when the thread ends; then the buffer is just dropped.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if buffer.len() == RECEIVE_BUFFER_SIZE && pool.receive.len() < RECEIVE_BUFFERS_MAX {
            pool.receive.push(buffer);
        }
    });
}

/// An empty buffer, with some capacity when one is spare.
pub(crate) fn take_send_buffer() -> Vec<u8> {
    let spare = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let buffer = pool.send.pop()?;
        pool.send_capacity -= buffer.capacity();
        Some(buffer)
    });
    spare.ok().flatten().unwrap_or_default()
}

/// Gives a buffer back whose bytes were sent.
pub(crate) fn give_send_buffer(mut buffer: Vec<u8>) {
    buffer.clear();
    // As above.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let capacity = buffer.capacity();
        let has_room = pool.send_capacity + capacity <= SEND_BUFFERS_CAPACITY_MAX;
        if capacity > 0 && capacity <= SEND_BUFFER_CAPACITY_MAX && has_room {
            pool.send_capacity += capacity;
            pool.send.push(buffer);
        }
    });
}
