//! The portable tests on wasm32-unknown-unknown: in Node, and in headless Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use selectio_driver::cargo::{self, Executable};
use selectio_driver::tool::Tool;

use crate::toolchain::is_installed;

/// The target, whose platform is the simulated network.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What runs JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Node.js.
    Node,
    /// Chromium without a window, driven by ChromeDriver; webdriver.json has its options.
    Chromium,
}

impl Engine {
    /// Both of them.
    pub const ALL: [Engine; 2] = [Engine::Node, Engine::Chromium];

    /// How the summary calls it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Node => "wasm32-unknown-unknown in Node",
            Engine::Chromium => "wasm32-unknown-unknown in Chromium",
        }
    }

    /// Says which command installs what is missing.
    pub fn check(self) -> Result<()> {
        let (programs, install): (&[&str], _) = match self {
            Engine::Node => (&["node"], "apt-get install nodejs"),
            Engine::Chromium => (&["chromium", "chromedriver"], "apt-get install chromium chromium-driver"),
        };
        match programs.iter().find(|program| !is_installed(program)) {
            Some(program) => bail!("{program} is missing; `{install}` installs it on Debian"),
            None => Ok(()),
        }
    }

    /// The call that runs a test binary.
    pub fn command(self, runner: &Path, binary: &Executable) -> Command {
        let mut command = Command::new(runner);
        command.arg(&binary.path);
        if self == Engine::Chromium {
            command.env("CHROMEDRIVER", "chromedriver").env("WASM_BINDGEN_USE_BROWSER", "1");
        }
        command
    }
}

/// Optimizing it takes two minutes more, once, and makes all that it does ten seconds shorter.
const UNOPTIMIZED: [&str; 2] = ["--config", "profile.release.opt-level=0"];

/// The runner of wasm-bindgen's tests, which has to be of exactly the library's version.
pub fn runner() -> Result<PathBuf> {
    let lock = fs::read_to_string(cargo::workspace_folder().join("Cargo.lock")).context("Cargo.lock is not there")?;
    let version = locked_version(&lock, "wasm-bindgen").context("Cargo.lock names no wasm-bindgen")?;
    let executable = "wasm-bindgen-test-runner";
    Tool { package: "wasm-bindgen-cli", version, executable, arguments: &UNOPTIMIZED, minutes: 1 }.ensure()
}

fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry = lock.split_once(&format!("name = \"{package}\"\n"))?.1;
    entry.lines().next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn the_version_is_that_of_the_very_package() {
        let lock = "name = \"wasm-bindgen-macro\"\nversion = \"1\"\n\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "other"), None);
    }
}
