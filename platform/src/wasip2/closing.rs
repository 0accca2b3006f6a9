//! Connections that the program has closed while the host still had bytes of theirs to send.
//!
//! A kernel goes on sending after a close. A host waits in the very call, and the whole program with it, for as long as the
//! peer takes nothing (the documentation of Wasmtime's output streams says so). So such a connection is kept until the
//! host has sent everything or has given it up.

use std::cell::RefCell;
use std::rc::Rc;

use wasip2::sockets::tcp::TcpSocket;

use super::stream::Stream;

thread_local! {
    static CLOSING: RefCell<Vec<(Stream, Rc<TcpSocket>)>> = const { RefCell::new(Vec::new()) };
}

/// Closes a connection as soon as nothing is unsent: the next call of [`sweep`] sees.
pub fn keep(stream: Stream, socket: Rc<TcpSocket>) {
    CLOSING.with_borrow_mut(|closing| closing.push((stream, socket)));
}

/// Closes those that have nothing left to send. Called where sockets come and go, and before each wait.
pub fn sweep() {
    CLOSING.with_borrow_mut(|closing| {
        if !closing.is_empty() {
            closing.retain(|(stream, _)| stream.has_unsent());
        }
    });
}
