//! The command `selectio`: runs WASI preview1 programs with preopened sockets.

mod command_line;
#[cfg(unix)]
mod descriptor_limit;
mod quantity;
mod signals;

use command_line::{Command, CommandLine};
use selectio_host::{Error, ShutdownRequest, SocketFile};
use signals::Ending;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};

fn main() -> ExitCode {
    let Command::Run(arguments) = CommandLine::read().command;
    match run(*arguments) {
        // The kernel keeps eight bits of it.
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            say(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: command_line::Run) -> Result<i32, Error> {
    #[cfg(unix)]
    descriptor_limit::raise();
    let passed = arguments.passed_sockets()?;
    let request = ShutdownRequest::new()?;
    let files = Arc::default();
    signals::heed(Ending { files: Arc::clone(&files), request: request.clone(), grace: arguments.grace });
    let sockets = arguments.sockets(passed, &files)?;
    let host = arguments.builder(sockets).shutdown(request).build()?;
    for (fd, socket) in host.preopens() {
        match socket.name() {
            Some(name) => say(format_args!("{socket} (fd {fd}, {name})")),
            None => say(format_args!("{socket} (fd {fd})")),
        }
    }
    let result = host.run();
    // A program that was left in a call of the system still has its listeners.
    files.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(SocketFile::remove);
    result
}

/// Writes a line to standard error. Where that takes nothing, what was to be said is lost, and all else goes on.
fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "selectio: {text}");
}
