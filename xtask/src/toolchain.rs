//! What has to be installed, and how it gets there by itself.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use selectio_driver::cargo::WASM_TARGET;

/// Makes sure that programs can be built for wasm32-wasip1: lets rustup add the target if it is missing.
pub fn ensure_wasm_target() -> Result<()> {
    if has_target(WASM_TARGET) {
        return Ok(());
    }
    eprintln!("the target {WASM_TARGET} is missing: running `rustup target add {WASM_TARGET}`");
    let added = Command::new("rustup").args(["target", "add", WASM_TARGET]).status();
    if !added.is_ok_and(|status| status.success()) || !has_target(WASM_TARGET) {
        bail!("the target {WASM_TARGET} is missing; `rustup target add {WASM_TARGET}` installs it");
    }
    Ok(())
}

/// Whether the compiler that cargo uses has the standard library for `target`.
fn has_target(target: &str) -> bool {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--print", "target-libdir", "--target", target])
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}
