//! The options of `selectio run` for whoever operates it.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What an operator wants to see of running programs.
#[derive(Args)]
pub(crate) struct Operation {
    /// Serve metrics for Prometheus at http://ADDR/metrics; port 0 is any free one
    #[arg(long, value_name = "ADDR", help_heading = "Operation")]
    pub(crate) metrics: Option<String>,

    /// Write a log: to the end of a file, or to standard error
    #[arg(long, value_name = "FILE|stderr", help_heading = "Operation")]
    pub(crate) log: Option<PathBuf>,

    /// How much the log says; trace has all that Wasmtime says too
    #[arg(long, value_name = "LEVEL", default_value = "info", requires = "log", help_heading = "Operation")]
    pub(crate) log_level: LogLevel,
}

/// What the log has: these records, and all that are more important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
