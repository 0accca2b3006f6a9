//! Becomes another program, so that Ctrl-C reaches it and nothing else.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Returns only if `command` can't be started.
#[cfg(unix)]
pub fn to(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(command.exec()).with_context(|| format!("{:?} could not be started", command.get_program()))
}

/// Windows can't replace a program: this one waits for the other. Ctrl-C reaches both.
#[cfg(windows)]
pub fn to(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("{:?} could not be started", command.get_program()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
