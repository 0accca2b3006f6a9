//! The command line.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use selectio_driver::{Host, System, World, cargo};

/// Runs selectio's demonstration, its tests and its examples.
///
/// Each task builds what it needs, prints what it is doing, and sets up the WebAssembly target by itself.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = false)]
pub struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    /// Play one conversation against the chat example in each world and compare what the clients saw.
    ///
    /// Builds examples/chat.rs natively, for wasm32-wasip1 and for wasm32-wasip2, starts all three, the guests under
    /// `selectio run`, and lets three clients play the same script against each. Prints the transcripts side by side and a verdict:
    /// `identical: N lines` with exit code 0, or the lines that differ with exit code 1.
    Demo {
        /// What all run on: `this` machine, or Windows as `wine` plays it.
        #[arg(long, value_parser = PossibleValuesParser::new(System::ALL.map(System::name)).try_map(|name| name.parse::<System>()))]
        system: Option<System>,
    },
    /// Run all tests: native ones, portable ones in every world, and the examples driven from outside.
    ///
    /// Closes with the number of tests on each target. Fails if a test fails, or if the portable tests that ran
    /// natively are not those that ran on another target. If a target can't be set up, the other tests still run
    /// and the summary says what was skipped; with CI set in the environment, that is a failure.
    Test {
        /// Run the tests of guests on this host, and no others; a host of another project is installed first, once.
        #[arg(long, value_parser = PossibleValuesParser::new(Host::ALL.map(Host::name)).try_map(|name| name.parse::<Host>()))]
        host: Option<Host>,
        /// Run the tests on one system: the native ones on `this` machine, or on Windows as `wine` plays it, there with
        /// those of guests of a host that is built for it.
        #[arg(long, conflicts_with = "host", value_parser = PossibleValuesParser::new(System::ALL.map(System::name)).try_map(|name| name.parse::<System>()))]
        system: Option<System>,
    },
    /// Start an example to play with by hand; Ctrl-C ends it.
    ///
    /// It prints where it listens; `nc 127.0.0.1 7000` is a client for all of them.
    Serve {
        /// The example's name.
        #[arg(value_parser = PossibleValuesParser::new(examples()))]
        example: String,
        /// Where it runs: `native`ly, or as a WebAssembly guest of `selectio run`, which opens its sockets (`wasip1`) or
        /// gives it the whole network (`wasip2`).
        #[arg(long, default_value = World::Native.name(), value_parser = PossibleValuesParser::new(World::ALL.map(World::name)).try_map(|name| name.parse::<World>()))]
        world: World,
        /// Where it listens; port 0 takes a free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7000")]
        listen: SocketAddr,
    },
    /// Run the swarm: the dispatcher in simulated networks with random faults.
    ///
    /// Ends at the first seed that shows something wrong, with the last calls of that run and the command that plays
    /// it again. The normal tests run the first thousand seeds.
    Sim {
        /// How many seeds to run.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        seeds: u64,
        /// The first of them.
        #[arg(long, value_name = "S", default_value_t = 0)]
        from: u64,
    },
    /// Measure what selectio costs beside other event loops, and rewrite the figures of BENCHMARKS.md.
    ///
    /// Takes twelve minutes at most, and wants a machine that does nothing else: two cores with nobody else on them. Prints
    /// what it is doing, then the tables; figures.json and the plots are in benches/results.
    Bench {
        /// Measure less, in one to two minutes, and leave BENCHMARKS.md as it is.
        #[arg(long)]
        quick: bool,
        /// Measure only what runs as a guest, in five minutes, and rewrite that part of BENCHMARKS.md.
        #[arg(long, conflicts_with = "quick")]
        guests: bool,
        /// Measure the larger example programs beside hyper, nginx, Redis and tokio, in ten minutes, and rewrite that part
        /// of BENCHMARKS.md. Wants Debian's wrk, redis-tools, redis-server and nginx-light; what isn't there is left out.
        #[arg(long, conflicts_with_all = ["quick", "guests"])]
        programs: bool,
        /// Count the dispatcher's instructions in place of that; fails when many idle sockets make an event dearer.
        #[arg(long, conflicts_with_all = ["quick", "guests", "programs"])]
        instructions: bool,
    },
    /// Run a WebAssembly program for cargo; .cargo/config.toml names this as the runner.
    ///
    /// A test binary runs with one host process for each test and a peer that plays the clients. Any other program
    /// runs as a guest of `selectio run`. A module gets one listener: on the address that is its first argument, if that
    /// is one, else on a free port. A component gets the whole network.
    Runner {
        /// The file that cargo built.
        module: PathBuf,
        /// The program's arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// What a command line that names no task is answered with.
#[derive(Debug)]
pub enum Answer {
    /// The help that was asked for.
    Help(String),
    /// One line that says what is wrong.
    Refusal(String),
}

impl CommandLine {
    /// Reads this process's command line.
    pub fn read() -> Result<Task, Answer> {
        Self::try_parse().map(|it| it.task).map_err(|error| answer(&error))
    }
}

fn answer(error: &clap::Error) -> Answer {
    let text = error.render();
    if error.use_stderr() {
        // The first paragraph says what is wrong, the others how calls look in general.
        let lines = text.to_string();
        let first: Vec<&str> = lines.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        Answer::Refusal(format!("{} (more: cargo xtask --help)", first.join(" ")))
    } else {
        Answer::Help(text.to_string())
    }
}

/// What needs more than an address to serve, or can't be a guest.
const NOT_SERVED: [&str; 4] = ["dns", "graceful", "irc_client", "proxy"];

/// The names of the programs in examples/, and of the larger ones below it, each a file or a folder.
fn examples() -> Vec<String> {
    let folder = cargo::workspace_folder().join("examples");
    let entries = [folder.join("programs"), folder].map(fs::read_dir).into_iter().flatten().flatten().flatten();
    let is_program = |path: &Path| path.extension() == Some(OsStr::new("rs")) || path.join("main.rs").is_file();
    let programs = entries.map(|entry| entry.path()).filter(|path| is_program(path));
    let mut names: Vec<String> = programs.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.retain(|name| !NOT_SERVED.contains(&name.as_str()));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::{Answer, CommandLine, answer};
    use clap::{CommandFactory, Parser};

    fn refusal(arguments: &[&str]) -> String {
        let error = CommandLine::try_parse_from(arguments).expect_err("a wrong call");
        match answer(&error) {
            Answer::Refusal(line) => line,
            Answer::Help(text) => panic!("help in place of a refusal: {text}"),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_wrong_call_is_answered_in_one_line() {
        for arguments in [
            vec!["xtask"],
            vec!["xtask", "dance"],
            vec!["xtask", "serve"],
            vec!["xtask", "serve", "no-such-example"],
            vec!["xtask", "serve", "echo", "--listen", "nowhere"],
            vec!["xtask", "serve", "echo", "--world", "nowhere"],
            vec!["xtask", "demo", "--fast"],
            vec!["xtask", "sim", "--seeds", "many"],
            vec!["xtask", "test", "--host", "nowhere"],
            vec!["xtask", "test", "--system", "nowhere"],
            vec!["xtask", "test", "--system", "wine", "--host", "wasmi"],
            vec!["xtask", "bench", "--slow"],
            vec!["xtask", "bench", "--quick", "--instructions"],
            vec!["xtask", "bench", "--quick", "--guests"],
            vec!["xtask", "bench", "--programs", "--guests"],
        ] {
            let line = refusal(&arguments);
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn help_is_no_mistake() {
        let error = CommandLine::try_parse_from(["xtask", "--help"]).expect_err("help");
        assert!(matches!(answer(&error), Answer::Help(text) if text.contains("serve")));
    }
}
