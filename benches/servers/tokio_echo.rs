//! Sends every byte back, with a task of tokio for each connection, on one thread.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

mod listen;

/// Each task has a buffer of its own, which idle ones keep; so it is no larger than usual for that.
const BUFFER_LENGTH: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::from_std(listen::listen("tokio_echo")?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // What goes wrong with one client ends its task only.
        tokio::spawn(async { drop(echo(stream).await) });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_LENGTH];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}
