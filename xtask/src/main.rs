//! What a person types: `cargo xtask demo`, `test`, `serve`, `sim` and `bench`; and what cargo calls to run a WebAssembly program.

#![forbid(unsafe_code)]

mod bench;
mod browser;
mod command_line;
mod demo;
mod differences;
mod guests;
mod hand_over;
mod runner;
mod serve;
mod sim;
mod system;
mod table;
mod tally;
mod test;
mod toolchain;

use std::process::ExitCode;

use command_line::{CommandLine, Task};

/// The exit code of a wrong call.
const WRONG_CALL: u8 = 2;

fn main() -> ExitCode {
    let task = match CommandLine::read() {
        Ok(task) => task,
        Err(command_line::Answer::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(command_line::Answer::Refusal(line)) => {
            eprintln!("{line}");
            return ExitCode::from(WRONG_CALL);
        }
    };
    let outcome = match task {
        Task::Demo { system: Some(system) } => demo::run_on(system),
        Task::Demo { system: None } => demo::run(),
        Task::Test { host: Some(host), .. } => guests::run(host),
        Task::Test { system: Some(system), .. } => system::run(system),
        Task::Test { .. } => test::run(),
        Task::Serve { example, world, listen } => serve::run(&example, world, listen),
        Task::Sim { seeds, from } => sim::run(seeds, from),
        Task::Bench { instructions: true, .. } => bench::count_instructions(),
        Task::Bench { quick: true, .. } => bench::run(Some("--quick")),
        Task::Bench { guests: true, .. } => bench::run(Some("--guests")),
        Task::Bench { programs: true, .. } => bench::run(Some("--programs")),
        Task::Bench { .. } => bench::run(None),
        Task::Runner { module, arguments } => runner::run(&module, &arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
