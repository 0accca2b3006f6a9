//! `selectio compile`.

use super::wasmtime_options::WasmtimeOptions;
use clap::Args;
use selectio_host::{Error, Host};
use std::fs;
use std::path::PathBuf;

/// What `selectio compile` is told.
#[derive(Args)]
#[command(override_usage = "selectio compile [OPTIONS] MODULE", mut_arg("target", |argument| {
    let about = "Compile for another system, such as x86_64-pc-windows-msvc";
    argument.hide(false).help(about).long_help(about)
}), mut_arg("wasi_raw", |argument| argument.hide(true)))]
pub(crate) struct Compile {
    /// The compiled file; otherwise it has MODULE's name with the ending cwasm, in the working directory
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Let gdb and lldb see lines and functions of the program
    #[arg(short = 'g')]
    debug_info: bool,

    #[command(flatten, next_help_heading = "Options of Wasmtime")]
    wasmtime: WasmtimeOptions,

    /// The module or component
    #[arg(value_name = "MODULE", help_heading = "Program")]
    module: PathBuf,
}

impl Compile {
    /// What is wrong with the options together.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.wasmtime.has_wasi() {
            return Err("-S: what a program gets of WASI is said when it runs; give it to `selectio run`".to_owned());
        }
        Ok(())
    }

    /// Writes the compiled program.
    pub(crate) fn execute(mut self) -> Result<(), Error> {
        let interruptible = self.wasmtime.has_timeout();
        let config = self.wasmtime.config();
        if interruptible {
            config.epoch_interruption(true);
        }
        if self.debug_info {
            config.debug_info(true);
        }
        let output = self.output.unwrap_or_else(|| {
            let name = self.module.file_name().unwrap_or(self.module.as_os_str());
            PathBuf::from(name).with_extension("cwasm")
        });
        let code = Host::builder().module_file(&self.module).engine_config(config.clone()).precompile()?;
        fs::write(&output, code).map_err(|error| Error::Output { path: output, reason: error })
    }
}
