//! What can go wrong, each as one line that says what to do about it.

use crate::clean_line::CleanLine;
use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a program could not be run to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No program was given to [`HostBuilder`](crate::HostBuilder).
    NoModule,
    /// The file of the program can't be read.
    ModuleUnreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// The program is not a module that this host runs.
    ModuleUnfit {
        /// The program's name.
        name: String,
        /// What it is instead, and what to do.
        reason: String,
    },
    /// The program imports what this host does not provide.
    Import {
        /// The program's name.
        name: String,
        /// The import, as `module.name`.
        import: String,
    },
    /// The program could not be started: it asks for more than this machine has.
    NotStarted {
        /// The program's name.
        name: String,
        /// What it asks for.
        reason: String,
    },
    /// A socket for the guest can't be made.
    Preopen {
        /// What was asked for.
        asked: String,
        /// Why it can't be had, and what to do.
        reason: String,
    },
    /// What is granted of the network can't be read, or a name in it can't be looked up.
    Grant {
        /// What was asked for.
        asked: String,
        /// Why it can't be had, and what to write instead.
        reason: String,
    },
    /// The program is of a kind that something that it was given can't be had with.
    WrongKind {
        /// The program's name.
        name: String,
        /// What it was given, and what to do instead.
        reason: String,
    },
    /// The settings of [`HostBuilder::engine_config`](crate::HostBuilder::engine_config) can't be had.
    EngineConfig {
        /// Wasmtime's reason.
        reason: String,
    },
    /// A function of the program can't be called, by [`HostBuilder::invoke`](crate::HostBuilder::invoke).
    Invoke {
        /// The program's name.
        name: String,
        /// The function.
        function: String,
        /// Why not.
        reason: String,
    },
    /// A variable of this process can't be passed on, by [`HostBuilder::inherit_env`](crate::HostBuilder::inherit_env).
    Environment {
        /// The variable, as far as it is text.
        key: String,
    },
    /// A directory for the guest can't be opened.
    Directory {
        /// The folder on the host.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The program ended by a trap.
    Trap {
        /// Which trap, and in which function.
        reason: String,
        /// The functions that were being called, innermost first, each in one line.
        backtrace: Vec<String>,
        /// The file of the core dump, or why it could not be written, where there was to be
        /// [one](crate::HostBuilder::core_dump).
        core_dump: Option<Result<PathBuf, String>>,
    },
    /// The program has computed all that [`HostBuilder::fuel`](crate::HostBuilder::fuel) allows.
    FuelLimit {
        /// The limit in Wasmtime's units.
        units: u64,
    },
    /// The program ran longer than [`HostBuilder::timeout`](crate::HostBuilder::timeout).
    TimeLimit {
        /// The limit.
        limit: Duration,
    },
    /// The program asked for more memory than [`HostBuilder::max_memory`](crate::HostBuilder::max_memory).
    MemoryLimit {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The program was stopped by a [`StopHandle`](crate::StopHandle).
    Stopped,
    /// A file with the result can't be written.
    Output {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// The samples of [`HostBuilder::guest_profile`](crate::HostBuilder::guest_profile) can't be had.
    Profile {
        /// The file that they were to be in.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The host itself lacks something, such as memory or descriptors.
    Host {
        /// What failed.
        reason: String,
    },
}

impl Error {
    /// This machine has no compiler for WebAssembly, or won't let it work.
    pub(crate) fn no_compiler(reason: &str) -> Error {
        Error::Host { reason: format!("the WebAssembly compiler can't be used here: {reason}") }
    }

    /// The exit code that the command gives this error: 134 for a trap (as for
    /// an aborted process), 124 for the time limit (as `timeout(1)`), 143 when
    /// it was stopped (as by SIGTERM), 2 for a wrong call, 1 for everything
    /// else that kept the program from running.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Trap { .. } | Error::MemoryLimit { .. } | Error::FuelLimit { .. } => 134,
            Error::EngineConfig { .. }
            | Error::Environment { .. }
            | Error::Grant { .. }
            | Error::Invoke { .. }
            | Error::WrongKind { .. } => 2,
            Error::TimeLimit { .. } => 124,
            Error::Stopped => 143,
            _ => 1,
        }
    }

    /// Whether the program has failed by itself, and may do better when it is started anew.
    pub(crate) fn is_crash(&self) -> bool {
        matches!(self, Error::Trap { .. } | Error::MemoryLimit { .. } | Error::FuelLimit { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut CleanLine(f);
        match self {
            Error::NoModule => f.write_str("no program: name a WebAssembly module"),
            Error::ModuleUnreadable { path, reason } => {
                write!(f, "can't read {}: {reason}", path.display())
            }
            Error::ModuleUnfit { name, reason } => write!(f, "can't run {name}: {reason}"),
            Error::Import { name, import } => write!(
                f,
                "can't run {name}: it imports {import}, which this host does not provide; build it for wasm32-wasip1, \
                 which imports wasi_snapshot_preview1 only, or give it what else it imports with --preload"
            ),
            Error::NotStarted { name, reason } => write!(f, "can't start {name}: {reason}"),
            Error::Preopen { asked, reason } => write!(f, "can't open {asked}: {reason}"),
            Error::Grant { asked, reason } => write!(f, "can't allow {asked}: {reason}"),
            Error::WrongKind { name, reason } => write!(f, "can't run {name} so: {reason}"),
            Error::EngineConfig { reason } => write!(f, "Wasmtime can't be set so: {reason}"),
            Error::Invoke { name, function, reason } => write!(f, "can't call {function} in {name}: {reason}"),
            Error::Environment { key } => write!(
                f,
                "can't pass on the variable {key}: it is not UTF-8, which programs can't be given; unset it, or name the \
                 variables that are to be passed on one by one"
            ),
            Error::Directory { path, reason } => {
                write!(f, "can't open the directory {}: {reason}", path.display())
            }
            Error::Trap { reason, .. } => write!(f, "the program trapped: {reason}"),
            Error::TimeLimit { limit } => write!(f, "the program was ended: it ran longer than its limit of {limit:?}"),
            Error::MemoryLimit { limit_bytes } => {
                write!(f, "the program was ended: it asked for more memory than its limit of {limit_bytes} bytes")
            }
            Error::Stopped => f.write_str("the program was ended: whoever runs it has stopped it"),
            Error::FuelLimit { units } => {
                write!(f, "the program was ended: it used up its fuel of {units} units")
            }
            Error::Output { path, reason } => write!(f, "can't write {}: {reason}", path.display()),
            Error::Profile { path, reason } => {
                write!(f, "the profile can't be written to {}: {reason}", path.display())
            }
            Error::Host { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

/// Why a host function or a limit ends the guest; travels through Wasmtime.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// The guest called `proc_exit`.
    Exit(u32),
    /// Its time is over.
    TimeLimit,
    /// It asked for more memory than it may have.
    MemoryLimit,
    /// It has called what works on its memory, and exports none.
    NoMemory,
    /// Whoever runs it wants it ended.
    Asked,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stop::Exit(_) => "exit",
            Stop::TimeLimit => "time limit",
            Stop::MemoryLimit => "memory limit",
            Stop::NoMemory => "no memory",
            Stop::Asked => "stopped",
        })
    }
}

impl std::error::Error for Stop {}
