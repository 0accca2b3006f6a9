//! What a guest prints, kept in memory.
//!
//! ```sh
//! cargo run --package selectio-host --example captured_output
//! ```

use selectio_host::Host;
use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Prints a line to standard output and one to standard error.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    ;; Two buffers, each a pointer and a length.
    (data (i32.const 0) "\20\00\00\00\06\00\00\00\30\00\00\00\09\00\00\00")
    (data (i32.const 32) "hello\n")
    (data (i32.const 48) "careful!\n")
    (func (export "_start")
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        (drop (call $fd_write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 64)))))"#;

/// Text that the host writes and this program reads. A guest may print for ever, so there is a limit.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    const LENGTH_MAX: usize = 1024 * 1024;

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() + bytes.len() > Captured::LENGTH_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (output, errors) = (Captured::default(), Captured::default());
    let host =
        Host::builder().module_bytes("printer.wat", GUEST).stdout(output.clone()).stderr(errors.clone()).build()?;
    let code = host.run()?;
    println!("exit code {code}, output {:?}, errors {:?}", output.text(), errors.text());
    Ok(())
}
