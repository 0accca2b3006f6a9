//! The command `selectio`: runs WASI preview1 programs with preopened sockets.

mod command_line;
#[cfg(unix)]
mod descriptor_limit;
mod quantity;
mod signals;

use command_line::{Command, CommandLine};
use selectio_host::{Error, Preopen, ShutdownRequest};
use signals::Ending;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Command::Run(arguments) = CommandLine::read().command;
    match run(*arguments) {
        // The kernel keeps eight bits of it.
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!("selectio: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: command_line::Run) -> Result<i32, Error> {
    #[cfg(unix)]
    descriptor_limit::raise();
    let sockets = arguments.sockets()?;
    let files = sockets.iter().filter_map(Preopen::file).map(Into::into).collect();
    let request = ShutdownRequest::new()?;
    signals::heed(Ending { files, request: request.clone(), grace: arguments.grace });
    let host = arguments.builder(sockets).shutdown(request).build()?;
    for (fd, socket) in host.preopens() {
        match socket.name() {
            Some(name) => eprintln!("selectio: {socket} (fd {fd}, {name})"),
            None => eprintln!("selectio: {socket} (fd {fd})"),
        }
    }
    host.run()
}
