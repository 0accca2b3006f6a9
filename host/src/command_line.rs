//! The command line of `selectio`.

use crate::quantity;
use clap::{Args, Parser, Subcommand};
use selectio_host::{Error, Host, HostBuilder, Preopen, SocketFile};
use std::env::{self, VarError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Runs WASI preview1 programs with sockets that the host opens for them.
#[derive(Parser)]
#[command(name = "selectio", version, arg_required_else_help = false, subcommand_required = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl CommandLine {
    /// Reads this process's command line. Help goes to standard output; what is wrong goes to standard
    /// error in one line, with exit code 2.
    pub(crate) fn read() -> CommandLine {
        CommandLine::try_parse().unwrap_or_else(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            // The first paragraph says what is wrong, the others how calls look in general.
            let text = error.render().to_string();
            let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            let problem = lines.join(" ");
            eprintln!("selectio: {} (more: selectio run --help)", problem.trim_start_matches("error: "));
            std::process::exit(2);
        })
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a WebAssembly module built for wasm32-wasip1
    ///
    /// The program finds its sockets from descriptor 3 on, in this order: TCP
    /// listeners, Unix listeners, TCP connections, inherited sockets; LISTEN_FDS
    /// is their number, LISTEN_FDNAMES their names. Directories come after them.
    ///
    /// The exit code is the program's own; 1 when it can't be run, 2 for a wrong
    /// command line, 124 when its time is over, 134 when it traps, 129, 130 and
    /// 143 when SIGHUP, Ctrl-C or SIGTERM has ended it.
    ///
    /// Such a signal ends the program at once, unless it has waited in poll_oneoff
    /// for descriptor 0x7ffffff0 (2147483632): there it reads the signal's number,
    /// and then has a grace time to end by itself. A second signal ends it at once.
    ///
    /// Compiled programs are kept in the cache folder of Wasmtime (on Linux
    /// ~/.cache/wasmtime), so that the next start takes no time; it bounds itself.
    Run(Box<Run>),
}

/// What `selectio run` is told.
#[derive(Args)]
#[command(override_usage = "selectio run [OPTIONS] MODULE [ARGS]...")]
pub(crate) struct Run {
    /// Open a TCP listener for the program; port 0 is any free one
    #[arg(long = "tcplisten", value_name = "[NAME=]ADDR", help_heading = "Sockets")]
    tcp_listeners: Vec<String>,

    /// Open a Unix listener for the program; its file is removed at the end
    #[arg(long = "unixlisten", value_name = "[NAME=]PATH", help_heading = "Sockets")]
    unix_listeners: Vec<String>,

    /// Connect to an address and give the program the connection
    #[arg(long = "tcpconnect", value_name = "[NAME=]ADDR", help_heading = "Sockets")]
    tcp_streams: Vec<String>,

    /// Give the program the sockets of systemd's socket activation
    #[arg(long = "listenfd", help_heading = "Sockets")]
    inherited: bool,

    /// Let TCP gather small writes (Nagle's algorithm); otherwise they go out at once
    #[arg(long, help_heading = "Sockets")]
    nagle: bool,

    /// Let the program use a directory, under the same or another name
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    directories: Vec<String>,

    /// Set a variable of the program's environment, or pass on one's own
    #[arg(long = "env", value_name = "KEY[=VALUE]", value_parser = variable)]
    environment: Vec<Variable>,

    /// End the program when it asks for more memory (bytes, or with K, M, G)
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help_heading = "Limits")]
    max_memory: Option<usize>,

    /// Let the program have at most so many sockets open
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_sockets: Option<usize>,

    /// End the program after a time (seconds, or with ms, s, m, h)
    #[arg(long, value_name = "TIME", value_parser = quantity::time_limit, help_heading = "Limits")]
    timeout: Option<Duration>,

    /// Give a program that is told of a signal this long to end; 0: end it at once
    #[arg(long, value_name = "TIME", value_parser = quantity::time, default_value = "10s", help_heading = "Limits")]
    pub(crate) grace: Duration,

    /// Options as Wasmtime has them: tcplisten=ADDR, listenfd, preview2=n
    #[arg(short = 'S', value_name = "OPTION", value_parser = wasi_option, value_delimiter = ',')]
    wasi_options: Vec<WasiOption>,

    /// The module; all that follows is its own arguments
    #[arg(value_name = "MODULE", required = true, trailing_var_arg = true)]
    program: Vec<String>,
}

/// A variable for the guest; without a value it is one of this process's own that is not set.
#[derive(Clone)]
struct Variable {
    key: String,
    value: Option<String>,
}

fn variable(text: &str) -> Result<Variable, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => match env::var(text) {
            Ok(value) => (text, Some(value)),
            Err(VarError::NotPresent) => (text, None),
            Err(VarError::NotUnicode(_)) => {
                return Err("the value of this variable is not UTF-8, which programs can't be given".to_owned());
            }
        },
    };
    if key.is_empty() {
        return Err("a variable has a name: write KEY=VALUE".to_owned());
    }
    Ok(Variable { key: key.to_owned(), value })
}

/// What `-S` can say.
#[derive(Clone)]
enum WasiOption {
    TcpListen(String),
    ListenFd,
    /// Asks for preview1 sockets, which is what this host has anyway.
    Preview1,
}

fn wasi_option(text: &str) -> Result<WasiOption, String> {
    match text.split_once('=').unwrap_or((text, "y")) {
        ("tcplisten", address) => Ok(WasiOption::TcpListen(address.to_owned())),
        ("listenfd", "y" | "yes" | "true") => Ok(WasiOption::ListenFd),
        ("preview2", "n" | "no" | "false") => Ok(WasiOption::Preview1),
        _ => Err("this host knows tcplisten=ADDR, listenfd and preview2=n".to_owned()),
    }
}

impl Run {
    /// The sockets that were passed to this process. To be called first of all: what this process opens itself must not
    /// get a number that was promised and is not open.
    pub(crate) fn passed_sockets(&self) -> Result<Vec<Preopen>, Error> {
        let asked = self.inherited || self.wasi_options.iter().any(|option| matches!(option, WasiOption::ListenFd));
        if asked { Preopen::inherited() } else { Ok(Vec::new()) }
    }

    /// Opens the sockets that the command line asks for, before those that were passed. The files of Unix listeners get
    /// into `files` with nobody looking in between; to connect may take minutes, so that is not done meanwhile.
    pub(crate) fn sockets(&self, passed: Vec<Preopen>, files: &Mutex<Vec<SocketFile>>) -> Result<Vec<Preopen>, Error> {
        let mut tcp_listeners = self.tcp_listeners.clone();
        for option in &self.wasi_options {
            match option {
                WasiOption::TcpListen(address) => tcp_listeners.push(address.clone()),
                WasiOption::ListenFd | WasiOption::Preview1 => {}
            }
        }
        let mut sockets = Vec::new();
        for listener in &tcp_listeners {
            sockets.push(open(listener, Preopen::tcp_listener)?);
        }
        for listener in &self.unix_listeners {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            let socket = open(listener, |path| Preopen::unix_listener(path))?;
            files.extend(socket.file().cloned());
            sockets.push(socket);
        }
        for stream in &self.tcp_streams {
            sockets.push(open(stream, Preopen::tcp_stream)?);
        }
        sockets.extend(passed);
        if self.nagle {
            sockets = sockets.into_iter().map(Preopen::with_nagle).collect();
        }
        Ok(sockets)
    }

    /// Everything that the command line asks for, with the sockets for it.
    pub(crate) fn builder(self, sockets: Vec<Preopen>) -> HostBuilder {
        let mut program = self.program.into_iter();
        let module = program.next().unwrap_or_default();
        let mut builder = Host::builder().module_file(module).args(program);
        for socket in sockets {
            builder = builder.preopen(socket);
        }
        for directory in &self.directories {
            let (host, guest) = directory.split_once("::").unwrap_or((directory, directory));
            builder = builder.directory(host, guest);
        }
        for Variable { key, value } in self.environment {
            if let Some(value) = value {
                builder = builder.env(key, value);
            }
        }
        if let Some(bytes) = self.max_memory {
            builder = builder.max_memory(bytes);
        }
        if let Some(count) = self.max_sockets {
            builder = builder.max_sockets(count);
        }
        if let Some(limit) = self.timeout {
            builder = builder.timeout(limit);
        }
        builder
    }
}

/// Opens `[NAME=]ADDRESS`; a path with a `=` of its own starts with `/` or `.`.
fn open(text: &str, kind: impl Fn(&str) -> Result<Preopen, Error>) -> Result<Preopen, Error> {
    match text.split_once('=') {
        Some((name, address)) if !text.starts_with(['/', '.']) => kind(address)?.named(name),
        _ => kind(text),
    }
}
