//! Standard output and error that go to whoever embeds this host.

use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// As much as streams of wasmtime-wasi take at once.
const PIECE: usize = 64 * 1024;

/// Writing takes place on the guest's thread.
#[derive(Clone)]
pub(in crate::component) struct WriterStream(pub(in crate::component) Arc<Mutex<dyn Write + Send>>);

impl WriterStream {
    fn with<T>(&self, act: impl FnOnce(&mut dyn Write) -> std::io::Result<T>) -> std::io::Result<T> {
        act(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl IsTerminal for WriterStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for WriterStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for WriterStream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.with(|writer| writer.write_all(&bytes)).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.with(|writer| writer.flush()).map_err(failed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE)
    }
}

#[async_trait]
impl Pollable for WriterStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for WriterStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.with(|writer| writer.write(bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.with(|writer| writer.flush()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn failed(error: std::io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}
