//! `selectio run`.

use super::network::Network;
use super::profile::{Profile, profile};
use super::results;
use super::values::{Directory, Preload, Variable, directory, preload, variable};
use super::wasmtime_options::WasmtimeOptions;
use crate::operation::Operation;
use crate::quantity;
use clap::Args;
use selectio_host::{Error, Host, HostBuilder, Preopen, SocketFile};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What `selectio run` is told.
#[derive(Args)]
#[command(override_usage = "selectio run [OPTIONS] MODULE [ARGS]...")]
pub(crate) struct Run {
    /// Let the program use a directory, under the same or another name; ro: only read it
    #[arg(long = "dir", value_name = "HOST[::GUEST[::ro]]", value_parser = directory)]
    directories: Vec<Directory>,

    /// Set a variable of the program's environment, or pass on one's own
    #[arg(long = "env", value_name = "KEY[=VALUE]", value_parser = variable)]
    environment: Vec<Variable>,

    /// Give the program this name as its argument 0, instead of its file's
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,

    /// Call this function instead of the program's start; ARGS are its arguments
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,

    /// Start a module first, whose exports the program imports under a name
    #[arg(long = "preload", value_name = "NAME=FILE", value_parser = preload)]
    preloads: Vec<Preload>,

    /// Run modules that `selectio compile` has compiled; only your own, they can do anything
    #[arg(long)]
    allow_precompiled: bool,

    /// See where time goes: perfmap or jitdump for perf, vtune, guest[,FILE[,INTERVAL]]
    #[arg(long, value_name = "KIND", value_parser = profile)]
    profile: Option<Profile>,

    /// Let gdb and lldb see lines and functions of the program
    #[arg(short = 'g')]
    debug_info: bool,

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

    #[command(flatten)]
    network: Network,

    /// End the program when it asks for more memory (bytes, or with K, M, G), of each worker
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help_heading = "Limits")]
    max_memory: Option<usize>,

    /// Let the program have at most so many sockets open
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_sockets: Option<usize>,

    /// End the program after a time (seconds, or with ms, s, m, h); compiling it doesn't count
    #[arg(long, value_name = "TIME", value_parser = quantity::time_limit, help_heading = "Limits")]
    timeout: Option<Duration>,

    /// Give a program that is to end this long for it; 0: end it at once
    #[arg(long, value_name = "TIME", value_parser = quantity::time, default_value = "10s", help_heading = "Limits")]
    pub(crate) grace: Duration,

    /// End connections on which nothing moves for so long
    #[arg(long, value_name = "TIME", value_parser = quantity::time_limit, help_heading = "Limits")]
    idle_timeout: Option<Duration>,

    /// Run so many instances of the program, which share the listeners
    #[arg(long, value_name = "COUNT", default_value = "1", help_heading = "Operation")]
    workers: NonZeroUsize,

    /// Start a program anew that has trapped, after a pause that grows
    #[arg(long, help_heading = "Operation")]
    restart: bool,

    /// Print each call of the program with its arguments and result
    #[arg(long, help_heading = "Operation")]
    trace: bool,

    #[command(flatten)]
    pub(crate) operation: Operation,

    #[command(flatten, next_help_heading = "Options of Wasmtime")]
    wasmtime: WasmtimeOptions,

    /// The module or component; all that follows is its own arguments
    #[arg(value_name = "MODULE", required = true, trailing_var_arg = true, help_heading = "Program")]
    program: Vec<String>,
}

impl Run {
    /// What is wrong with the options together.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.wasmtime.has_target() {
            return Err("--target: a program runs on this machine; `selectio compile` has it".to_owned());
        }
        let program = self.program.first().map_or("", String::as_str);
        if self.debug_info && is_address(program) && !Path::new(program).exists() {
            return Err(format!(
                "-g {program}: there is no debugger here; -g alone makes gdb and lldb see lines and functions of the program"
            ));
        }
        Ok(())
    }

    /// What the program is called.
    pub(crate) fn module_name(&self) -> String {
        self.program.first().cloned().unwrap_or_default()
    }

    /// The sockets that were passed to this process. To be called first of all: what this process opens itself must not
    /// get a number that was promised and is not open.
    pub(crate) fn passed_sockets(&self) -> Result<Vec<Preopen>, Error> {
        let asked = self.inherited || self.wasmtime.inherits_sockets();
        if asked { Preopen::inherited() } else { Ok(Vec::new()) }
    }

    /// Opens the sockets that the command line asks for, before those that were passed. The files of Unix listeners get
    /// into `files` with nobody looking in between; to connect may take minutes, so that is not done meanwhile.
    pub(crate) fn sockets(&self, passed: Vec<Preopen>, files: &Mutex<Vec<SocketFile>>) -> Result<Vec<Preopen>, Error> {
        let mut sockets = Vec::new();
        for listener in self.tcp_listeners.iter().chain(self.wasmtime.tcp_listeners()) {
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

    /// The file that samples of the program go to.
    pub(crate) fn profile_file(&self) -> Option<String> {
        self.profile.as_ref()?.file().map(str::to_owned)
    }

    /// Everything that the command line asks for, with the sockets for it.
    pub(crate) fn builder(mut self, sockets: Vec<Preopen>) -> HostBuilder {
        let config = self.wasmtime.config();
        if self.debug_info {
            config.debug_info(true);
        }
        if let Some(profile) = &self.profile {
            profile.configure(config);
        }
        // The shorter one, where -W has another.
        let timeout = self.timeout.into_iter().chain(self.wasmtime.timeout()).min();
        let mut program = self.program.into_iter();
        let module = program.next().unwrap_or_default();
        // What both have is this host's own.
        let mut builder = self.wasmtime.apply(Host::builder()).module_file(file(&module)).args(program);
        for socket in sockets {
            builder = builder.preopen(socket);
        }
        builder = self.network.apply(builder);
        if self.nagle {
            builder = builder.gather_small_writes();
        }
        for Directory { host, guest, is_read_only } in self.directories {
            builder = match is_read_only {
                true => builder.directory_read_only(host, guest),
                false => builder.directory(host, guest),
            };
        }
        for Variable { key, value } in self.environment {
            if let Some(value) = value {
                builder = builder.env(key, value);
            }
        }
        for Preload { name, path } in self.preloads {
            builder = builder.preload(name, path);
        }
        if let Some(name) = self.argv0 {
            builder = builder.argv0(name);
        }
        if let Some(function) = self.invoke {
            builder = builder.invoke(function, results::print);
        }
        if let Some(profile) = self.profile {
            builder = profile.apply(builder);
        }
        if self.allow_precompiled {
            // SAFETY: who gives the option has read in its help that it is for modules of one's own.
            builder = unsafe { builder.allow_precompiled() };
        }
        if let Some(bytes) = self.max_memory {
            builder = builder.max_memory(bytes);
        }
        if let Some(count) = self.max_sockets {
            builder = builder.max_sockets(count);
        }
        if let Some(limit) = timeout {
            builder = builder.timeout(limit);
        }
        if let Some(limit) = self.idle_timeout {
            builder = builder.idle_timeout(limit);
        }
        if self.restart {
            builder = builder.restart();
        }
        if self.trace {
            builder = builder.trace(crate::say);
        }
        builder.workers(self.workers)
    }
}

/// Where Wasmtime's debugger would listen.
fn is_address(text: &str) -> bool {
    let port = text.rsplit_once(':').map_or(text, |(_, port)| port);
    port.parse::<u16>().is_ok()
}

/// `-` is standard input.
fn file(module: &str) -> &str {
    if cfg!(unix) && module == "-" { "/dev/stdin" } else { module }
}

/// Opens `[NAME=]ADDRESS`; a path with a `=` of its own starts with `/` or `.`.
fn open(text: &str, kind: impl Fn(&str) -> Result<Preopen, Error>) -> Result<Preopen, Error> {
    match text.split_once('=') {
        Some((name, address)) if !text.starts_with(['/', '.']) => kind(address)?.named(name),
        _ => kind(text),
    }
}
