//! Core dumps of programs that have trapped.

use std::fs;
use std::path::{Path, PathBuf};
use wasmtime::{AsContextMut, WasmCoreDump};

/// Writes the dump that `error` has, if it has one: the file, or why it could not be written.
pub(crate) fn write(
    store: impl AsContextMut,
    error: &wasmtime::Error,
    program: &str,
    path: &Path,
) -> Option<Result<PathBuf, String>> {
    let dump = error.downcast_ref::<WasmCoreDump>()?.serialize(store, program);
    Some(match fs::write(path, dump) {
        Ok(()) => Ok(path.to_owned()),
        Err(reason) => Err(format!("the core dump can't be written to {}: {reason}", path.display())),
    })
}
