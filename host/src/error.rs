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
    /// The host itself lacks something, such as memory or descriptors.
    Host {
        /// What failed.
        reason: String,
    },
}

impl Error {
    /// The exit code that the command gives this error: 134 for a trap (as for
    /// an aborted process), 124 for the time limit (as `timeout(1)`), 1 for
    /// everything that kept the program from running.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Trap { .. } | Error::MemoryLimit { .. } => 134,
            Error::TimeLimit { .. } => 124,
            _ => 1,
        }
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
                "can't run {name}: it imports {import}, which this host does not provide; \
                 build it for wasm32-wasip1, which imports wasi_snapshot_preview1 only"
            ),
            Error::NotStarted { name, reason } => write!(f, "can't start {name}: {reason}"),
            Error::Preopen { asked, reason } => write!(f, "can't open {asked}: {reason}"),
            Error::Directory { path, reason } => {
                write!(f, "can't open the directory {}: {reason}", path.display())
            }
            Error::Trap { reason } => write!(f, "the program trapped: {reason}"),
            Error::TimeLimit { limit } => write!(f, "the program was ended: it ran longer than its limit of {limit:?}"),
            Error::MemoryLimit { limit_bytes } => {
                write!(f, "the program was ended: it asked for more memory than its limit of {limit_bytes} bytes")
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
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stop::Exit(_) => "exit",
            Stop::TimeLimit => "time limit",
            Stop::MemoryLimit => "memory limit",
        })
    }
}

impl std::error::Error for Stop {}
