//! Standard input, which may be a console, a pipe or a file: none of them can be waited for together with sockets. So a
//! thread reads it and passes on what it says.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::windows::io::OwnedSocket;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::pair;

/// The end that the thread passes the input on to. There is one standard input, so there is one thread.
static RELAYED: Mutex<Option<TcpStream>> = Mutex::new(None);

/// A duplicate of the relayed input. What the thread has read and nobody has taken yet, at most what the buffers of a
/// connection hold, is gone for everybody else who reads standard input.
pub fn open() -> io::Result<OwnedSocket> {
    let mut relayed = RELAYED.lock().unwrap_or_else(PoisonError::into_inner);
    let reader = match &*relayed {
        Some(reader) => reader.try_clone()?,
        None => {
            let (reader, writer) = pair::connect()?;
            reader.set_nonblocking(true)?;
            thread::Builder::new().name("standard input".to_owned()).spawn(|| relay(writer))?;
            relayed.insert(reader).try_clone()?
        }
    };
    Ok(reader.into())
}

/// Passes everything on, no faster than it is taken; dropping the writer passes the end on. An error of reading is an
/// end too: there is nothing that it could be told to.
fn relay(mut writer: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
        if writer.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
