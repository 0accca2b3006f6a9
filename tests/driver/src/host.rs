//! The hosts that guests run under: this project's own, and two that others ship.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};

use crate::cargo;
use crate::installed;
use crate::system::System;
use crate::tool::Tool;

/// The variable of the environment that names the host for tests and for `cargo run`.
pub const VARIABLE: &str = "SELECTIO_TEST_HOST";

/// Something that runs guests with sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// `selectio run`, built from this workspace.
    Selectio,
    /// `selectio run`, as it is installed on this machine. For trying things out; no test runs on it.
    Installed,
    /// The command of Wasmtime, in the last version that has sockets for preview1 programs.
    Wasmtime46,
    /// The command of wasmi, an interpreter; its WASI is that of Wasmtime 36.
    Wasmi,
}

const WASMTIME: Tool<'_> = Tool {
    package: "wasmtime-cli",
    version: "46.0.3",
    executable: "wasmtime",
    arguments: &[
        "--no-default-features",
        "--features",
        "run,cranelift,compile,parallel-compilation,cache,component-model,wat",
    ],
    minutes: 10,
};

const WASMI: Tool<'_> =
    Tool { package: "wasmi_cli", version: "2.0.0", executable: "wasmi", arguments: &[], minutes: 3 };

impl Host {
    /// Those that tests run on.
    pub const ALL: [Host; 3] = [Host::Selectio, Host::Wasmtime46, Host::Wasmi];

    /// The one that [`VARIABLE`] names, else this project's own.
    pub fn chosen() -> Result<Host> {
        match env::var(VARIABLE) {
            Ok(name) => name.parse(),
            Err(_) => Ok(Host::Selectio),
        }
    }

    /// The one to try things out on: as [`Host::chosen`], but unless the variable is set, an installed `selectio` of this
    /// very source spares building it.
    pub fn at_hand() -> Result<Host> {
        let may_be_installed = env::var_os(VARIABLE).is_none() && System::chosen()? == System::This;
        if may_be_installed && installed::find().is_some() { Ok(Host::Installed) } else { Host::chosen() }
    }

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Host::Selectio => "selectio",
            Host::Installed => "installed",
            Host::Wasmtime46 => "wasmtime46",
            Host::Wasmi => "wasmi",
        }
    }

    /// Its command, which is built or installed first if it isn't there.
    pub fn executable(self) -> Result<PathBuf> {
        match self {
            Host::Selectio => cargo::host(),
            Host::Installed => Ok(installed::find().context("no installed selectio can be used")?.to_owned()),
            Host::Wasmtime46 => WASMTIME.ensure(),
            Host::Wasmi => WASMI.ensure(),
        }
    }

    /// The command without any argument: on the chosen system, where it is this project's own.
    pub fn bare_command(self) -> Result<Command> {
        let executable = self.executable()?;
        match self {
            Host::Selectio => System::chosen()?.command(&executable),
            Host::Installed | Host::Wasmtime46 | Host::Wasmi => Ok(Command::new(executable)),
        }
    }

    /// The command that runs `module` with a listener on each address of `listen`. The guest's arguments follow.
    pub fn command(self, module: &Path, listen: &[String]) -> Result<Command> {
        let mut command = self.bare_command()?;
        command.arg("run");
        match self {
            Host::Selectio | Host::Installed | Host::Wasmi => {
                command.args(listen.iter().flat_map(|address| ["--tcplisten", address]));
            }
            Host::Wasmtime46 => {
                // The implementation that has sockets, which 46 replaces by another unless told not to.
                command.args(["-S", "preview2=n"]);
                for address in listen {
                    command.args(["-S", &format!("tcplisten={address}")]);
                }
            }
        }
        command.arg(module);
        Ok(command)
    }

    /// Whether it tells where its listeners are. Only then can one be on any free port.
    pub fn announces_listeners(self) -> bool {
        matches!(self, Host::Selectio | Host::Installed)
    }

    /// Whether it interprets guests, and does not compile them.
    pub fn is_interpreter(self) -> bool {
        self == Host::Wasmi
    }

    /// `stderr` without the lines that are the host's own.
    pub fn without_own_lines(self, stderr: &str) -> String {
        let is_own = |line: &str| match self {
            Host::Selectio | Host::Installed => line.starts_with("selectio: listening on "),
            // It warns of the versions that will lack sockets, and prints a line of blanks after that.
            Host::Wasmtime46 => line.starts_with("WARNING: ") || line.trim().is_empty(),
            Host::Wasmi => false,
        };
        stderr.lines().filter(|line| !is_own(line)).map(|line| format!("{line}\n")).collect()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Selectio | Host::Installed => formatter.write_str("selectio run"),
            Host::Wasmtime46 => write!(formatter, "wasmtime {}", WASMTIME.version),
            Host::Wasmi => write!(formatter, "wasmi {}", WASMI.version),
        }
    }
}

impl FromStr for Host {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Host> {
        let names = Host::ALL.map(Host::name).join(", ");
        let host = Host::ALL.into_iter().find(|host| host.name() == name);
        host.ok_or_else(|| anyhow!("`{name}` is no host; there are {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, WASMI, WASMTIME};

    #[test]
    fn hosts_are_found_by_name() {
        for host in Host::ALL {
            assert_eq!(host.name().parse::<Host>().expect("a name"), host);
        }
        let error = "nowhere".parse::<Host>().expect_err("no name");
        assert!(error.to_string().contains("wasmtime46"), "{error}");
    }

    #[test]
    fn the_readme_names_the_versions_that_are_tested() {
        let readme = include_str!("../../../README.md");
        for (host, tool) in [("| `wasmtime run`", WASMTIME), ("| `wasmi run`", WASMI)] {
            let row = readme.lines().find(|line| line.starts_with(host)).expect("a row for each host");
            assert!(row.contains(tool.version), "{row}");
        }
    }
}
