//! `cargo xtask bench`: what selectio costs beside other event loops.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use selectio_driver::cargo;
use selectio_driver::cargo::WASM_TARGET;

use crate::toolchain;

/// Builds the load generator and becomes it.
pub fn run(is_quick: bool) -> Result<ExitCode> {
    toolchain::ensure_target(WASM_TARGET)?;
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--release", "--package", "selectio-bench", "--bin", "selectio-bench", "--"]);
    command.args(is_quick.then_some("--quick"));
    Err(command.exec()).context("cargo could not be started")
}
