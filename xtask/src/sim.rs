//! `cargo xtask sim`: the swarm, by hand.

use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::cargo;

use crate::hand_over;

/// Builds the swarm in release and becomes it.
pub fn run(seeds: u64, from: u64) -> Result<ExitCode> {
    let mut command = cargo::command();
    command.args(["run", "--release", "--package", "selectio-swarm", "--"]);
    command.args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]);
    hand_over::to(command)
}
