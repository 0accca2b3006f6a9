//! A socket as hyper wants it. Another program takes this file as it is, with `runtime.rs`.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper::rt::{self, ReadBufCursor};
use selectio::{AsyncSocket, Dispatcher, Shutdown, Timer};

use crate::runtime::restart;

/// A connection. Its handlers only wake who waits; what is read and sent goes through the socket's calls.
pub struct Stream {
    socket: AsyncSocket,
    waiting: Rc<Waiting>,
    /// What was read to find out what the client speaks, and is read again.
    unread: Vec<u8>,
    /// Closes it when nothing has moved for so long.
    idle: Timer,
    patience: Duration,
}

#[derive(Default)]
struct Waiting {
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
}

impl Waiting {
    fn wake(place: &Cell<Option<Waker>>) -> io::Result<()> {
        place.take().into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl Stream {
    /// Registers the socket, which is closed when nothing has moved for so long.
    pub fn new(socket: AsyncSocket, patience: Duration, dispatcher: &Dispatcher) -> io::Result<Stream> {
        let waiting = Rc::new(Waiting::default());
        let [read, close, drain, gone] = [(); 4].map(|()| waiting.clone());
        socket.set_handle_read(move |socket, _| {
            // Whoever reads next resumes it. Until then nobody is called for what nobody wants.
            socket.pause_reading();
            Waiting::wake(&read.reader)
        });
        // With it, a client that has said everything still gets its answer.
        socket.set_handle_close(move |_, _| Waiting::wake(&close.reader));
        socket.set_handle_drain(move |_, _| Waiting::wake(&drain.writer));
        socket.set_handle_gone(move |_, _| Waiting::wake(&gone.reader).and(Waiting::wake(&gone.writer)));
        // What a client does to its connection is no news, and who waits hears of it by the handler before.
        socket.set_handle_error(|_, _, _| {});
        dispatcher.register(&socket)?;
        let idle = socket.call_after(dispatcher, patience, |socket, _| socket.close());
        Ok(Stream { socket, waiting, unread: Vec::new(), idle, patience })
    }

    fn has_moved(&self) {
        restart(self.idle, self.patience);
    }

    /// Reads up to so many bytes; 0 is the end.
    fn poll_recv(&self, buffer: &mut [u8], context: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.socket.is_closed() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        self.socket.resume_reading();
        match self.socket.recv(buffer)? {
            Some(length) => {
                self.has_moved();
                Poll::Ready(Ok(length))
            }
            None => {
                self.waiting.reader.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Whether these are the first bytes that come. They are read again after that.
    pub async fn begins_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut buffer = [0; 64];
        while self.unread.len() < bytes.len() && bytes.starts_with(&self.unread) {
            let room = &mut buffer[..bytes.len() - self.unread.len()];
            match poll_fn(|context| self.poll_recv(room, context)).await? {
                0 => break,
                length => self.unread.extend(&buffer[..length]),
            }
        }
        Ok(self.unread == bytes)
    }
}

impl rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Stream>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        let room = buffer.remaining().min(bytes.len());
        if self.unread.is_empty() && room > 0 {
            let length = ready!(self.poll_recv(&mut bytes[..room], context))?;
            buffer.put_slice(&bytes[..length]);
        } else {
            let length = room.min(self.unread.len());
            buffer.put_slice(&self.unread[..length]);
            self.unread.drain(..length);
        }
        Poll::Ready(Ok(()))
    }
}

impl rt::Write for Stream {
    fn poll_write(self: Pin<&mut Stream>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Stream>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.socket.is_closed() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if self.socket.is_send_buffer_full() {
            self.waiting.writer.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        self.has_moved();
        self.socket.send_vectored(pieces)?;
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What the socket has taken leaves by itself.
    fn poll_flush(self: Pin<&mut Stream>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends this direction when all has left, and is done then.
    fn poll_shutdown(self: Pin<&mut Stream>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket.is_closed() {
            return Poll::Ready(Ok(()));
        }
        if !self.socket.is_send_data_buffered() {
            return Poll::Ready(self.socket.shutdown(Shutdown::Write));
        }
        self.waiting.writer.set(Some(context.waker().clone()));
        let waiting = self.waiting.clone();
        self.socket.set_handle_write(move |socket, _| {
            socket.del_handle_write();
            Waiting::wake(&waiting.writer)
        });
        Poll::Pending
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What can't be sent any more nobody waits for.
        let _ = self.socket.close_after_flush();
    }
}
