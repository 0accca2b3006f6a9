//! The command line of `selectio`: whatever it is told, it answers, and hands on what it was told.

#![no_main]

// The host with everything that it would do left out: a fuzzer should open no sockets.
extern crate self as selectio_host;

mod host;

#[path = "../../host/src/command_line.rs"]
#[allow(dead_code, reason = "the command's own file")]
mod command_line;
#[path = "../../host/src/operation.rs"]
#[allow(dead_code, reason = "the command's own file")]
mod operation;
#[path = "../../host/src/quantity.rs"]
mod quantity;

use clap::Parser;
use command_line::{Command, CommandLine};
pub use host::{Error, Host, HostBuilder, Preopen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let words: Vec<&str> = text.split('\n').collect();
    let arguments = ["selectio", "run"].into_iter().chain(words.iter().copied());
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(command_line) => command_line.command,
        Err(error) => {
            assert!(!error.render().to_string().trim().is_empty(), "a refusal says why");
            return;
        }
    };
    let Command::Run(run) = command;
    let Ok(sockets) = run.sockets() else { return };
    let socket_count = sockets.len();
    let told = run.builder(sockets);
    assert_eq!(told.preopens.len(), socket_count);
    // The program and its arguments are the last words, as they were written.
    let program: Vec<&str> = told.program.iter().map(String::as_str).collect();
    assert!(!program.is_empty() && words.ends_with(&program), "{program:?} of {words:?}");
});
