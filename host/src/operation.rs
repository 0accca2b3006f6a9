//! The options of `selectio run` for whoever operates it.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What an operator wants to see of running programs.
#[derive(Args)]
#[command(next_help_heading = "Operation")]
pub(crate) struct Operation {
    /// Serve metrics for Prometheus at http://ADDR/metrics; port 0 is any free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,

    /// Write a log: to the end of a file, or to standard error
    #[arg(long, value_name = "FILE|stderr")]
    pub(crate) log: Option<PathBuf>,

    /// How much the log says; debug and trace have what Wasmtime says too
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info, requires = "log")]
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
