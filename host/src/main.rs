//! The command `selectio`: runs WASI programs with sockets.

mod command;
#[cfg(unix)]
mod descriptor_limit;
mod logging;
mod metrics;
mod operation;
mod progress;
mod quantity;
mod signals;
mod systemd;

use command::{Command, CommandLine, Run, results};
use selectio_host::{Error, ShutdownRequest, SocketFile, WorkerEnd};
use signals::Ending;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};

fn main() -> ExitCode {
    let result = match CommandLine::read().command {
        Command::Run(arguments) => run(*arguments),
        Command::Compile(arguments) => arguments.execute().map(|()| 0),
    };
    match result {
        // The kernel keeps eight bits of it.
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            tell(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// One line, and for a trap what is known about it.
fn tell(error: &Error) {
    say(&format!("selectio: {error}"));
    tell_more(error);
}

fn tell_more(error: &Error) {
    if let Error::Trap { backtrace, core_dump, .. } = error {
        for frame in backtrace {
            say(&format!("    {frame}"));
        }
        match core_dump {
            None => {}
            Some(Ok(path)) => say(&format!("selectio: the core dump is in {}", path.display())),
            Some(Err(reason)) => say(&format!("selectio: {reason}")),
        }
    }
}

fn run(arguments: Run) -> Result<i32, Error> {
    let passed = arguments.passed_sockets()?;
    logging::start(&arguments.operation)?;
    #[cfg(unix)]
    descriptor_limit::raise();
    let request = ShutdownRequest::new();
    let files = Arc::default();
    let heeded = signals::heed(Ending { files: Arc::clone(&files), request: request.clone(), grace: arguments.grace })?;
    let sockets = arguments.sockets(passed, &files)?;
    let statistics = Arc::default();
    #[cfg(unix)]
    signals::report::heed(Arc::clone(&statistics))?;
    if let Some(address) = &arguments.operation.metrics {
        metrics::serve(address, Arc::clone(&statistics))?;
    }
    let (name, profile) = (arguments.module_name(), arguments.profile_file());
    let builder = arguments.builder(sockets).shutdown(request).on_ready(systemd::ready).on_end(tell_end);
    let host = progress::told(&name, || builder.build())?;
    heeded.watch(statistics.get_or_init(|| host.statistics()).clone());
    for (fd, socket) in host.preopens() {
        match socket.name() {
            Some(name) => say(&format!("selectio: {socket} (fd {fd}, {name})")),
            None => say(&format!("selectio: {socket} (fd {fd})")),
        }
    }
    let result = host.run().and_then(|code| results::failure().map_or(Ok(code), Err));
    if let Some(path) = profile
        && !matches!(result, Err(Error::Profile { .. }))
    {
        say(&format!("selectio: the samples are in {path}; https://profiler.firefox.com shows them"));
    }
    // A program that was left in a call of the system still has its listeners.
    files.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(SocketFile::remove);
    result
}

/// How the last guest has ended is told at the end, as what the whole program has ended with.
fn tell_end(end: &WorkerEnd<'_>) {
    let what_follows = match (end.restarts_after, end.others) {
        (Some(pause), _) => format!("it is started anew in {pause:?}"),
        (None, 0) => return,
        (None, 1) => "another one goes on".to_owned(),
        (None, others) => format!("{others} others go on"),
    };
    let worker = end.worker;
    match end.result {
        Ok(0) => {}
        Ok(code) => say(&format!("selectio: worker {worker} has ended with exit code {code}; {what_follows}")),
        Err(error) => {
            say(&format!("selectio: worker {worker}: {error}; {what_follows}"));
            tell_more(error);
        }
    }
}

/// Prints a line on standard error, in one piece. Not eprintln, which panics when the terminal has gone away.
fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
