//! Passing a stream on, as a proxy does.

use std::io;

use selectio_platform::Shutdown;

use super::AsyncSocket;
use super::state::WriteSide;
use crate::buffer_pool::{give_receive_buffer, take_receive_buffer};

/// Sends everything that arrives at `from` to `to`, no faster than the peer of `to` takes it, and passes the end of
/// the stream on: when the peer of `from` has shut its sending side down, so is that of `to`. Two of them, one for
/// each direction, make a proxy; when both directions have ended, both sockets close.
///
/// When one of them is gone for another reason, the other is closed after a flush: what was cut on one side looks like an
/// end on the other, so the protocol has to know where it ends. The sockets have to be connected
/// or connecting, and registered before or after. It sets the read and close handlers of `from`, the drain handler of
/// `to`, and the gone handlers of both.
///
/// ```no_run
/// use selectio::{AsyncSocket, Dispatcher, pipe};
///
/// # fn main() -> std::io::Result<()> {
/// let dispatcher = Dispatcher::new()?;
/// let server = AsyncSocket::listener("127.0.0.1:7000")?;
/// server.set_handle_accept(|server, dispatcher| {
///     while let Some(client) = server.accept()? {
///         let upstream = AsyncSocket::connection("127.0.0.1:8000")?;
///         pipe(&client, &upstream);
///         pipe(&upstream, &client);
///         dispatcher.register(&client)?;
///         dispatcher.register(&upstream)?;
///     }
///     Ok(())
/// });
/// dispatcher.register(&server)?;
/// dispatcher.run()
/// # }
/// ```
pub fn pipe(from: &AsyncSocket, to: &AsyncSocket) {
    let target = to.clone();
    from.set_handle_read(move |from, _| pass_on(from, &target));
    let source = from.clone();
    to.set_handle_drain(move |_, _| {
        source.resume_reading();
        Ok(())
    });
    let target = to.clone();
    from.set_handle_close(move |from, _| pass_end_on(from, &target));
    for (one, other) in [(from, to.clone()), (to, from.clone())] {
        one.set_handle_gone(move |_, _| other.close_after_flush());
    }
}

fn pass_on(from: &AsyncSocket, to: &AsyncSocket) -> io::Result<()> {
    if to.is_closed() {
        return from.close_after_flush();
    }
    let mut buffer = take_receive_buffer();
    let result = pass_bytes_on(from, to, &mut buffer);
    give_receive_buffer(buffer);
    result
}

fn pass_bytes_on(from: &AsyncSocket, to: &AsyncSocket, buffer: &mut [u8]) -> io::Result<()> {
    while !to.is_send_buffer_full() {
        match from.recv(buffer)? {
            None | Some(0) => return Ok(()),
            Some(length) => to.send(&buffer[..length])?,
        };
    }
    from.pause_reading();
    Ok(())
}

fn pass_end_on(from: &AsyncSocket, to: &AsyncSocket) -> io::Result<()> {
    // The direction that has ended earlier has shut the sending side of `from` down.
    let was_last = from.inner.write.get() != WriteSide::Open;
    if !was_last {
        return to.shutdown(Shutdown::Write);
    }
    to.close_after_flush()?;
    from.close_after_flush()
}
