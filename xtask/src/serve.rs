//! `cargo xtask serve`: an example to play with by hand.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::{World, program};

use crate::{hand_over, toolchain};

/// Builds the example and becomes it, so that Ctrl-C reaches it and nothing else.
pub fn run(example: &str, world: World, listen: SocketAddr) -> Result<ExitCode> {
    if let Some(target) = world.guest_target() {
        toolchain::ensure_target(target)?;
    }
    let command = program::command(example, world, &listen.to_string())?;
    eprintln!("starting example {example} ({world}); Ctrl-C ends it");
    hand_over::to(command)
}
