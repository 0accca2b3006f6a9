//! The command line of `selectio`.

mod compile;
mod foreign;
mod network;
mod option_table;
mod profile;
pub(crate) mod results;
mod run;
#[cfg(test)]
mod tests;
mod values;
mod wasmtime_options;
mod words;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
pub(crate) use compile::Compile;
use option_table::Table;
pub(crate) use run::Run;
use std::ffi::OsString;

/// Runs WASI programs with sockets: modules with those that the host opens for them, components with those that it allows.
///
/// `selectio app.wasm` is `selectio run app.wasm`.
#[derive(Parser)]
#[command(name = "selectio", version, arg_required_else_help = false, subcommand_required = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a WebAssembly module built for wasm32-wasip1, or a component built for wasm32-wasip2
    ///
    /// A module finds its sockets from descriptor 3 on, in this order: TCP
    /// listeners, Unix listeners, TCP connections, inherited sockets; LISTEN_FDS
    /// is their number, LISTEN_FDNAMES their names. Directories come after them.
    /// Listeners are non-blocking until the program says otherwise, connections are not.
    ///
    /// A component opens its sockets itself, as far as the network is allowed to it: nothing of it
    /// is unless --allow-tcp, --allow-udp, --allow-names or --inherit-network says so. What it
    /// is refused is told in one line, with what would allow it.
    ///
    /// The exit code is the program's own; 1 when it can't be run, 2 for a wrong
    /// command line, 124 when its time is over, 134 when it traps or is out of
    /// memory or fuel, 129, 130 and 143 when SIGHUP, Ctrl-C or SIGTERM has ended it.
    ///
    /// Ctrl-C, SIGHUP and others end the program at once. After SIGTERM it gets no more
    /// connections, and ends when it has closed those that it has. A program that
    /// has waited in poll_oneoff for descriptor 0x7ffffff0 (2147483632) reads the
    /// signal's number there in place of all that, and ends by itself. Either has
    /// the grace time for it; a second signal ends it at once. A component asks for requests
    /// to end at a reserved instant of its clock; one that doesn't is ended by the first signal.
    ///
    /// SIGUSR1 prints the metrics.
    ///
    /// Compiled programs are kept in the cache folder of Wasmtime (on Linux
    /// ~/.cache/wasmtime), so that the next start takes no time; it bounds itself.
    Run(Box<Run>),

    /// Compile a WebAssembly module or component to run it later with --allow-precompiled
    ///
    /// It has to be run by the same version, on the same kind of machine, with the
    /// same options -W, -O, -C and -D. For --timeout or --profile=guest, compile
    /// with -W epoch-interruption=y; for -W fuel, with -W fuel=1.
    Compile(Box<Compile>),
}

impl CommandLine {
    /// Reads this process's command line. Help goes to standard output; what is wrong goes to standard
    /// error in one line, with exit code 2.
    pub(crate) fn read() -> CommandLine {
        end_when_nobody_reads();
        let words: Vec<OsString> = std::env::args_os().collect();
        let words = words::complete(words).unwrap_or_else(|problem| refuse(&problem));
        if let Some(table) = help_asked_for(&words) {
            table.print();
            std::process::exit(0);
        }
        CommandLine::from_words(words).unwrap_or_else(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            refuse(&one_line(&error))
        })
    }

    /// Reads `words`, the first of which is the name of the command.
    pub(crate) fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<CommandLine, clap::Error> {
        let mut matches = grammar().try_get_matches_from(words)?;
        let command_line = CommandLine::from_arg_matches_mut(&mut matches)?;
        let checked = match &command_line.command {
            Command::Run(run) => run.check(),
            Command::Compile(compile) => compile.check(),
        };
        match checked {
            Ok(()) => Ok(command_line),
            Err(problem) => Err(clap::Error::raw(ErrorKind::InvalidValue, problem)),
        }
    }
}

/// The commands and their options, Wasmtime's with one line each.
fn grammar() -> clap::Command {
    CommandLine::command()
}

/// `-S help` and `-D help`, which Wasmtime's own reader would answer with what this host doesn't have.
fn help_asked_for(words: &[OsString]) -> Option<Table> {
    // The same options, with values that are not read and nothing that has to be there.
    let plain = |command: clap::Command| {
        command.mut_args(|argument| match argument.get_action().takes_values() {
            true => argument.value_parser(clap::value_parser!(OsString)).required(false),
            false => argument,
        })
    };
    let grammar = grammar().mut_subcommand("run", plain).mut_subcommand("compile", plain);
    let matches = grammar.try_get_matches_from(words).ok()?;
    let (_, matches) = matches.subcommand()?;
    Table::ALL.into_iter().find_map(|(id, table)| {
        let mut values = matches.try_get_many::<OsString>(id).ok()??;
        values.any(|value| value.to_str().is_some_and(option_table::is_help)).then_some(table)
    })
}

/// Wasmtime's own reader prints its help so that a standard output that is closed or full makes it panic.
fn end_when_nobody_reads() {
    let panic = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |told| {
        if told.payload_as_str().is_some_and(|text| text.starts_with("failed printing to stdout")) {
            std::process::exit(1);
        }
        panic(told);
    }));
}

fn refuse(problem: &str) -> ! {
    let problem: String = problem.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect();
    let command = match std::env::args_os().nth(1) {
        Some(word) if word == "compile" => "compile",
        _ => "run",
    };
    crate::say(&format!("selectio: {problem} (more: selectio {command} --help)"));
    std::process::exit(2);
}

/// The first paragraph says what is wrong, the others how calls look in general.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
    {
        return foreign::flag(flag);
    }
    let text = error.render().to_string();
    // With RUST_BACKTRACE set, Wasmtime's own reader tells where in its code it was.
    let is_told = |line: &&str| !line.is_empty() && !line.starts_with("Stack backtrace:");
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(is_told).collect();
    let problem = lines.join(" ");
    problem.trim_start_matches("error: ").trim_end_matches(':').to_owned()
}
