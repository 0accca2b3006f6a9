//! What `wasmtime-wasi` is told of a guest, whichever kind of program it runs.

use crate::error::Error;
use crate::given::Given;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

/// Arguments, environment, directories.
pub(crate) fn builder(given: &Given) -> Result<WasiCtxBuilder, Error> {
    let mut wasi = WasiCtx::builder();
    // File operations need no second thread: the guest has only one.
    wasi.allow_blocking_current_thread(true);
    wasi.args(&given.arguments);
    for (key, value) in &given.environment {
        wasi.env(key, value);
    }
    for directory in &given.directories {
        let permissions = if directory.is_read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(&directory.host, &directory.guest, permissions).map_err(|error| Error::Directory {
            path: directory.host.clone(),
            reason: error.root_cause().to_string(),
        })?;
    }
    Ok(wasi)
}
