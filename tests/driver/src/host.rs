//! The hosts that guests run under: this project's own, and those that others ship.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, ensure};

use crate::cargo;
use crate::installed;
use crate::system::System;
use crate::tool::Tool;
use crate::world::World;

/// The variable of the environment that names the host for tests and for `cargo run`.
pub const VARIABLE: &str = "SELECTIO_TEST_HOST";

/// Something that runs guests with sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// `selectio run`, built from this workspace.
    Selectio,
    /// `selectio run`, as it is installed on this machine. For trying things out; no test runs on it.
    Installed,
    /// The command of the current Wasmtime, which has sockets for preview2 programs: the one that is installed on this
    /// machine, if it is not too old, else the version that this project tests with.
    Wasmtime,
    /// The command of Wasmtime, in the last version that has sockets for preview1 programs.
    Wasmtime46,
    /// The command of wasmi, an interpreter; its WASI is that of Wasmtime 36.
    Wasmi,
}

/// What a guest gets of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network<'a> {
    /// Nothing.
    None,
    /// A listener on each of these addresses, which the host opens: what there is for preview1 programs.
    Listeners(&'a [String]),
    /// All of it, and names: what there is for preview2 programs, which make their own sockets.
    Whole,
}

/// What of Wasmtime is built: all that runs a guest.
const WASMTIME_FEATURES: [&str; 3] =
    ["--no-default-features", "--features", "run,cranelift,compile,parallel-compilation,cache,component-model,wat"];

const WASMTIME: Tool<'_> = Tool {
    package: "wasmtime-cli",
    version: "48.0.8",
    executable: "wasmtime",
    arguments: &WASMTIME_FEATURES,
    minutes: 10,
};

const WASMTIME46: Tool<'_> = Tool { version: "46.0.3", ..WASMTIME };

const WASMI: Tool<'_> =
    Tool { package: "wasmi_cli", version: "2.0.0", executable: "wasmi", arguments: &[], minutes: 3 };

/// How the lines of `selectio run` begin that tell of the guest's sockets: what it opened, and what it refused.
const OWN_LINES: [&str; 2] = ["selectio: listening on ", "selectio: refused to "];

impl Host {
    /// Those that tests run on.
    pub const ALL: [Host; 4] = [Host::Selectio, Host::Wasmtime, Host::Wasmtime46, Host::Wasmi];

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
        if may_be_installed && installed::selectio().is_some() { Ok(Host::Installed) } else { Host::chosen() }
    }

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Host::Selectio => "selectio",
            Host::Installed => "installed",
            Host::Wasmtime => "wasmtime",
            Host::Wasmtime46 => "wasmtime46",
            Host::Wasmi => "wasmi",
        }
    }

    /// The worlds of guests that get sockets there.
    pub fn worlds(self) -> &'static [World] {
        match self {
            Host::Selectio | Host::Installed => &World::GUESTS,
            Host::Wasmtime => &[World::Wasip2],
            Host::Wasmtime46 | Host::Wasmi => &[World::Wasip1],
        }
    }

    /// Its command, which is built or installed first if it isn't there.
    pub fn executable(self) -> Result<PathBuf> {
        match self {
            Host::Selectio => cargo::host(),
            Host::Installed => Ok(installed::selectio().context("no installed selectio can be used")?.to_owned()),
            Host::Wasmtime => match installed::wasmtime() {
                Some(found) => Ok(found.path.clone()),
                None => WASMTIME.ensure(),
            },
            Host::Wasmtime46 => WASMTIME46.ensure(),
            Host::Wasmi => WASMI.ensure(),
        }
    }

    /// The command without any argument: on the chosen system, where it is this project's own.
    pub fn bare_command(self) -> Result<Command> {
        let executable = self.executable()?;
        match self {
            Host::Selectio => System::chosen()?.command(&executable),
            Host::Installed | Host::Wasmtime | Host::Wasmtime46 | Host::Wasmi => Ok(Command::new(executable)),
        }
    }

    /// The command that runs `module` and gives it so much of the network. The guest's arguments follow.
    pub fn command(self, module: &Path, network: Network<'_>) -> Result<Command> {
        let mut command = self.command_with_options(network)?;
        command.arg(module);
        Ok(command)
    }

    /// The same, as far as it goes before the module: options that are the same for all hosts, as `--env`, may follow.
    pub fn command_with_options(self, network: Network<'_>) -> Result<Command> {
        let needed = match network {
            Network::None => None,
            Network::Listeners(_) => Some(World::Wasip1),
            Network::Whole => Some(World::Wasip2),
        };
        let is_there = needed.is_none_or(|world| self.worlds().contains(&world));
        ensure!(is_there, "{self} has no sockets for guests of {}", needed.map_or("", World::name));
        let mut command = self.bare_command()?;
        command.arg("run");
        if self == Host::Wasmtime46 {
            // The implementation that has sockets, which 46 replaces by another unless told not to.
            command.args(["-S", "preview2=n"]);
        }
        match (self, network) {
            (_, Network::None) => {}
            (Host::Wasmtime46, Network::Listeners(addresses)) => {
                command.args(addresses.iter().flat_map(|address| ["-S".to_owned(), format!("tcplisten={address}")]));
            }
            (_, Network::Listeners(addresses)) => {
                command.args(addresses.iter().flat_map(|address| ["--tcplisten", address]));
            }
            // Looking up names is a permission of its own.
            (Host::Wasmtime, Network::Whole) => {
                command.args(["-S", "inherit-network", "-S", "allow-ip-name-lookup"]);
            }
            (_, Network::Whole) => {
                command.args(["--inherit-network", "--allow-names"]);
            }
        }
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
            Host::Selectio | Host::Installed => OWN_LINES.iter().any(|start| line.starts_with(start)),
            // It warns of the versions that will lack sockets, and prints a line of blanks after that.
            Host::Wasmtime46 => line.starts_with("WARNING: ") || line.trim().is_empty(),
            Host::Wasmtime | Host::Wasmi => false,
        };
        stderr.lines().filter(|line| !is_own(line)).map(|line| format!("{line}\n")).collect()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Selectio | Host::Installed => formatter.write_str("selectio run"),
            Host::Wasmtime => {
                let found = installed::wasmtime().map(|it| it.version.as_str());
                write!(formatter, "wasmtime {}", found.unwrap_or(WASMTIME.version))
            }
            Host::Wasmtime46 => write!(formatter, "wasmtime {}", WASMTIME46.version),
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
    use super::{Host, Network, WASMI, WASMTIME, WASMTIME46};
    use crate::world::World;

    #[test]
    fn hosts_are_found_by_name() {
        for host in Host::ALL {
            assert_eq!(host.name().parse::<Host>().expect("a name"), host);
        }
        let error = "nowhere".parse::<Host>().expect_err("no name");
        assert!(error.to_string().contains("wasmtime46"), "{error}");
    }

    #[test]
    fn every_guest_has_a_host_and_what_a_host_lacks_is_said() {
        for world in World::GUESTS {
            assert!(Host::Selectio.worlds().contains(&world), "{world}");
        }
        let error = Host::Wasmi.command_with_options(Network::Whole).expect_err("an interpreter of preview1");
        assert!(error.to_string().contains("no sockets for guests of wasip2"), "{error}");
        let error = Host::Wasmtime.command_with_options(Network::Listeners(&[])).expect_err("no sockets since 47");
        assert!(error.to_string().contains("no sockets for guests of wasip1"), "{error}");
    }

    #[test]
    fn the_readme_names_the_versions_that_are_tested() {
        let readme = include_str!("../../../README.md");
        for (host, tool) in
            [("| stock Wasmtime, current", WASMTIME), ("| `wasmtime run` 46", WASMTIME46), ("| `wasmi run`", WASMI)]
        {
            let row = readme.lines().find(|line| line.starts_with(host)).expect("a row for each host");
            assert!(row.contains(tool.version), "{row}");
        }
    }
}
