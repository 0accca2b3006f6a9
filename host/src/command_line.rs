//! The command line of `selectio`.

use clap::{Args, Parser, Subcommand};
use selectio_host::{Error, Host, HostBuilder, Preopen};
use std::env;

/// Runs WASI preview1 programs with sockets that the host opens for them.
#[derive(Parser)]
#[command(name = "selectio", version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a WebAssembly module built for wasm32-wasip1
    Run(Box<Run>),
}

#[derive(Args)]
pub(crate) struct Run {
    /// Open a TCP listener for the program; port 0 is any free one
    ///
    /// The program finds its listeners from descriptor 3 on, their number in
    /// LISTEN_FDS and their names in LISTEN_FDNAMES.
    #[arg(long = "tcplisten", value_name = "[NAME=]ADDR")]
    tcp_listeners: Vec<String>,

    /// Let the program use a directory, under the same or another name
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    directories: Vec<String>,

    /// Set a variable of the program's environment, or pass on one's own
    #[arg(long = "env", value_name = "KEY[=VALUE]")]
    environment: Vec<String>,

    /// Options as Wasmtime has them: tcplisten=ADDR, preview2=n
    #[arg(short = 'S', value_name = "OPTION", value_parser = wasi_option, value_delimiter = ',')]
    wasi_options: Vec<WasiOption>,

    /// The module, then its own arguments
    #[arg(
        value_name = "MODULE [ARGS]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    program: Vec<String>,
}

/// What `-S` can say.
#[derive(Clone)]
enum WasiOption {
    TcpListen(String),
    /// Asks for preview1 sockets, which is what this host has anyway.
    Preview1,
}

fn wasi_option(text: &str) -> Result<WasiOption, String> {
    match text.split_once('=') {
        Some(("tcplisten", address)) => Ok(WasiOption::TcpListen(address.to_owned())),
        Some(("preview2", "n" | "no" | "false")) => Ok(WasiOption::Preview1),
        _ => Err("this host knows tcplisten=ADDR and preview2=n".to_owned()),
    }
}

impl Run {
    /// What the command line asks for.
    pub(crate) fn builder(self) -> Result<HostBuilder, Error> {
        let mut program = self.program.into_iter();
        let module = program.next().unwrap_or_default();
        let mut builder = Host::builder().module_file(module).args(program);
        let from_wasmtime = self.wasi_options.into_iter().filter_map(|option| match option {
            WasiOption::TcpListen(address) => Some(address),
            WasiOption::Preview1 => None,
        });
        for listener in self.tcp_listeners.into_iter().chain(from_wasmtime) {
            builder = builder.preopen(match listener.split_once('=') {
                Some((name, address)) => Preopen::tcp_listener(address)?.named(name)?,
                None => Preopen::tcp_listener(&listener)?,
            });
        }
        for directory in &self.directories {
            let (host, guest) = directory.split_once("::").unwrap_or((directory, directory));
            builder = builder.directory(host, guest);
        }
        for variable in &self.environment {
            builder = match variable.split_once('=') {
                Some((key, value)) => builder.env(key, value),
                None => match env::var(variable) {
                    Ok(value) => builder.env(variable, value),
                    Err(_) => builder,
                },
            };
        }
        Ok(builder)
    }
}
