//! The log that `--log` asks for.

use crate::operation::{LogLevel, Operation};
use fern::Dispatch;
use log::{LevelFilter, Record};
use selectio_host::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The packages of this project, whose records every log has.
const OWN_TARGETS: [&str; 3] = ["selectio", "selectio_host", "selectio_platform"];

/// Starts the log, if there is to be one.
///
/// # Errors
/// Its file can't be opened.
pub(crate) fn start(operation: &Operation) -> Result<(), Error> {
    let Some(path) = &operation.log else { return Ok(()) };
    let sink = Sink::open(path)?;
    let level = filter(operation.log_level);
    let is_detailed = level >= LevelFilter::Debug;
    let mut dispatch = Dispatch::new().level(filter_of_others(level));
    for target in OWN_TARGETS {
        dispatch = dispatch.level_for(target, level);
    }
    let dispatch = dispatch.chain(fern::Output::call(move |record| sink.write(&line(record, is_detailed))));
    dispatch.apply().map_err(|_| Error::Host { reason: "this process has a log already".to_owned() })
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    }
}

/// What the log has of Wasmtime: compiling one program makes a hundred thousand records of its level debug, among which
/// those of this project would be lost.
fn filter_of_others(own: LevelFilter) -> LevelFilter {
    match own {
        LevelFilter::Trace => LevelFilter::Trace,
        LevelFilter::Debug => LevelFilter::Info,
        _ => LevelFilter::Off,
    }
}

/// One record in one line, whatever is in it: names of functions, for example, are the guest's choice.
fn line(record: &Record, has_target: bool) -> String {
    let time = humantime::format_rfc3339_micros(SystemTime::now());
    let target = if has_target { format!("{}: ", record.target()) } else { String::new() };
    let message = format!("{time} {:5} {target}{}", record.level(), record.args());
    let mut line = String::with_capacity(message.len() + 1);
    for character in message.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line.push('\n');
    line
}

/// Where the lines go.
enum Sink {
    Stderr,
    File(Mutex<File>),
}

impl Sink {
    fn open(path: &Path) -> Result<Sink, Error> {
        if path.as_os_str() == "stderr" {
            return Ok(Sink::Stderr);
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::Host {
            reason: format!("can't write the log to {}: {error}; name a file that may be written", path.display()),
        })?;
        Ok(Sink::File(Mutex::new(file)))
    }

    /// In one call of the system, so that the lines of several processes don't mix. There is nobody to tell when it
    /// fails: the disk is full, or the terminal has gone away. The program goes on.
    fn write(&self, line: &str) {
        let _ = match self {
            Sink::Stderr => io::stderr().write_all(line.as_bytes()),
            Sink::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let text = "a\nb\r\u{1b}[31m\u{85}ü";
        let line = line(&Record::builder().level(Level::Warn).target("t").args(format_args!("{text}")).build(), false);
        assert!(line.ends_with(" WARN  a\\nb\\r\\u{1b}[31m\\u{85}ü\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}
