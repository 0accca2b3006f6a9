//! The command `selectio`: runs WASI preview1 programs with preopened sockets.

mod command_line;
mod signals;

use clap::Parser;
use command_line::{Command, CommandLine};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Command::Run(arguments) = CommandLine::parse().command;
    match run(*arguments) {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!("selectio: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: command_line::Run) -> Result<i32, selectio_host::Error> {
    signals::end_on_signals();
    let host = arguments.builder()?.build()?;
    for (fd, socket) in host.preopens() {
        match socket.name() {
            Some(name) => eprintln!("selectio: {socket} (fd {fd}, {name})"),
            None => eprintln!("selectio: {socket} (fd {fd})"),
        }
    }
    host.run()
}
