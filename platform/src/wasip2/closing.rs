//! Connections that the program has closed while the host still had bytes of theirs to send.
//!
//! A kernel goes on sending after a close. A host waits in the very call, and the whole program with it, for as long as the
//! peer takes nothing (the documentation of Wasmtime's output streams says so). So such a connection is kept until the
//! host has sent everything or has given it up, for which every wait waits too.

use std::cell::RefCell;
use std::rc::Rc;

use wasip2::sockets::tcp::TcpSocket;

use super::resource::Direction;
use super::stream::Stream;

thread_local! {
    static CLOSING: RefCell<Vec<(Stream, Rc<TcpSocket>)>> = const { RefCell::new(Vec::new()) };
}

/// Closes a connection as soon as nothing is unsent.
pub fn keep(stream: Stream, socket: Rc<TcpSocket>) {
    CLOSING.with_borrow_mut(|closing| closing.push((stream, socket)));
}

/// Adds what tells that nothing is unsent to what is waited for.
pub fn add_to(handles: &mut Vec<u32>) {
    CLOSING.with_borrow(|closing| {
        handles.extend(closing.iter().map(|(stream, _)| stream.pollable(Direction::Write).handle()));
    });
}

/// Closes those that are done, by their positions among what was added. Those are the last first, so that closing one
/// moves none of the others.
pub fn finish(positions: impl Iterator<Item = usize>) {
    // Out of the list before they are dropped.
    let done: Vec<_> =
        CLOSING.with_borrow_mut(|closing| positions.map(|position| closing.swap_remove(position)).collect());
    drop(done);
}
