//! Command-line tools that tests need, installed by cargo into a cache folder of the user's: once, at pinned versions,
//! so that the next clone finds them.

use std::env;
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
        let root = tools_folder()?.join(format!("{}-{}", self.package, self.version));
        let executable = root.join("bin").join(self.executable);
        if executable.is_file() {
            return Ok(executable);
        }
        let build = cargo::target_folder()?.join("tools");
        eprintln!("installing {} {} (about {} minutes)", self.package, self.version, self.minutes);
        let install = |locked: &[&str]| {
            let mut command = cargo::command();
            command.args(["install", self.package, "--version", self.version]).args(locked).args(self.arguments);
            command.arg("--root").arg(&root).arg("--target-dir").arg(&build);
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

/// Where the tools of all clones are: `selectio/tools` in the cache folder of the user (XDG Base Directory
/// Specification), or in the target folder for a user without a home.
pub fn tools_folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    match cache.or_else(|| home.map(|home| home.join(".cache"))) {
        Some(cache) => Ok(cache.join("selectio").join("tools")),
        None => Ok(cargo::target_folder()?.join("tools")),
    }
}
