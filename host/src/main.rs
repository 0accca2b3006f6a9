//! The command `selectio`: runs WASI preview1 programs with preopened sockets.

mod command_line;
#[cfg(unix)]
mod descriptor_limit;
mod logging;
mod metrics;
mod operation;
mod quantity;
mod signals;
mod systemd;

use command_line::{Command, CommandLine};
use selectio_host::{Error, Preopen, ShutdownRequest, SocketFile};
use signals::Ending;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

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
    logging::start(&arguments.operation)?;
    #[cfg(unix)]
    descriptor_limit::raise();
    let request = ShutdownRequest::new()?;
    let files = Arc::default();
    signals::heed(Ending { files: Arc::clone(&files), request: request.clone(), grace: arguments.grace });
    let sockets = open_sockets(&arguments, &files)?;
    let statistics = Arc::default();
    #[cfg(unix)]
    signals::report::heed(Arc::clone(&statistics));
    if let Some(address) = &arguments.operation.metrics {
        metrics::serve(address, Arc::clone(&statistics))?;
    }
    let host = arguments.builder(sockets).shutdown(request).build()?;
    statistics.get_or_init(|| host.statistics());
    for (fd, socket) in host.preopens() {
        match socket.name() {
            Some(name) => eprintln!("selectio: {socket} (fd {fd}, {name})"),
            None => eprintln!("selectio: {socket} (fd {fd})"),
        }
    }
    systemd::ready();
    let result = host.run();
    // A program that was left in a call of the system still has its listeners.
    files.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(SocketFile::remove);
    result
}

/// A signal that comes meanwhile ends the process when the files of all listeners are known.
fn open_sockets(arguments: &command_line::Run, files: &Mutex<Vec<SocketFile>>) -> Result<Vec<Preopen>, Error> {
    let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
    let sockets = arguments.sockets()?;
    files.extend(sockets.iter().filter_map(Preopen::file).cloned());
    Ok(sockets)
}
