//! Command-line tools that tests need, installed by cargo into the target folder: once, at pinned versions.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo;

/// A tool from crates.io.
#[derive(Debug)]
pub struct Tool<'a> {
    /// The package's name.
    pub package: &'a str,
    /// The one version that is used.
    pub version: &'a str,
    /// The executable's name.
    pub executable: &'a str,
    /// Further arguments for `cargo install`.
    pub arguments: &'a [&'a str],
    /// Roughly how long the installation takes on two cores.
    pub minutes: u32,
}

impl Tool<'_> {
    /// The path of the executable, which is installed first if it is missing.
    pub fn ensure(&self) -> Result<PathBuf> {
        let tools = cargo::target_folder()?.join("tools");
        let root = tools.join(format!("{}-{}", self.package, self.version));
        let executable = root.join("bin").join(self.executable);
        if executable.is_file() {
            return Ok(executable);
        }
        eprintln!("installing {} {} (about {} minutes)", self.package, self.version, self.minutes);
        let install = |locked: &[&str]| {
            let mut command = cargo::command();
            command.args(["install", self.package, "--version", self.version]).args(locked).args(self.arguments);
            command.arg("--root").arg(&root).arg("--target-dir").arg(tools.join("build"));
            command.stdin(Stdio::null()).status().context("cargo could not be started")
        };
        if !install(&["--locked"])?.success() {
            eprintln!("its lock file can't be satisfied here: installing it without");
            if !install(&[])?.success() {
                bail!("{} {} can't be installed; cargo says why above", self.package, self.version);
            }
        }
        Ok(executable)
    }
}
