//! Starts an example in a [`World`] and learns its address.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cargo;
use crate::process::{Process, Stream};

/// How long a program may take from its start until it says where it listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// As a process of this machine.
    Native,
    /// As a WebAssembly guest of `selectio run`.
    Wasm,
}

impl World {
    /// Both of them.
    pub const BOTH: [World; 2] = [World::Native, World::Wasm];
}

impl std::fmt::Display for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            World::Native => "native",
            World::Wasm => cargo::WASM_TARGET,
        })
    }
}

/// An example that runs and listens.
#[derive(Debug)]
pub struct Program {
    /// The process: the example itself, or the host with the example as guest.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Builds the example `name` and starts it on a free loopback port, with further `arguments` after the address.
    pub fn start(name: &str, world: World, arguments: &[&str]) -> Result<Program> {
        let mut command = command(name, world, "127.0.0.1:0")?;
        command.args(arguments);
        let process = Process::start(command)?;
        let stream = match world {
            World::Native => Stream::Stdout,
            World::Wasm => Stream::Stderr,
        };
        let address = process
            .wait_for(stream, START_LIMIT, |text| listeners(text).next().map(|found| found.address))
            .with_context(|| format!("example {name} ({world}) did not say where it listens"))?;
        Ok(Program { process, address })
    }
}

/// Builds the example `name`, and the host if `world` needs it; the command that starts it listening on `address`.
pub fn command(name: &str, world: World, address: &str) -> Result<Command> {
    let executable = cargo::example(name, world)?;
    Ok(match world {
        World::Native => {
            let mut command = Command::new(executable);
            command.arg(address);
            command
        }
        World::Wasm => {
            let mut command = guest(&cargo::host()?, &executable, &[address]);
            // The guest gets the address too, so that its arguments are the same in both worlds.
            command.arg(address);
            command
        }
    })
}

/// The command that runs `module` under the host at `host`, with a listener for each of `listen`: `ADDR` or `NAME=ADDR`.
pub fn guest(host: &Path, module: &Path, listen: &[&str]) -> Command {
    let mut command = Command::new(host);
    command.arg("run");
    for address in listen {
        command.args(["--tcplisten", address]);
    }
    command.arg(module);
    command
}

/// A listener that a program announced.
#[derive(Debug, PartialEq, Eq)]
pub struct Listener<'a> {
    /// The name that the host gave it, if it has one.
    pub name: Option<&'a str>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The listeners announced in `text`: by an example, `echo: listening on 127.0.0.1:7000`, or by the host,
/// `selectio: listening on 127.0.0.1:7000 (fd 3, NAME)`.
pub fn listeners(text: &str) -> impl Iterator<Item = Listener<'_>> {
    text.lines().filter_map(|line| {
        let (address, details) = {
            let rest = line.split_once(": listening on ")?.1;
            rest.split_once([' ', ',']).unwrap_or((rest, ""))
        };
        let name = details.trim_end_matches(')').split_once(", ").map(|(_, name)| name);
        Some(Listener { name, address: address.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::{Listener, listeners};

    #[test]
    fn announced_listeners() {
        let text = "echo: listening on 127.0.0.1:7000\nnoise\ntasks: listening on 127.0.0.1:7, patiently\n\
            selectio: listening on 127.0.0.1:5 (fd 3)\nselectio: listening on [::1]:6 (fd 4, control)\n";
        let found: Vec<Listener<'_>> = listeners(text).collect();
        let expected =
            [("127.0.0.1:7000", None), ("127.0.0.1:7", None), ("127.0.0.1:5", None), ("[::1]:6", Some("control"))];
        assert_eq!(found.len(), expected.len());
        for (found, (address, name)) in found.iter().zip(expected) {
            assert_eq!((found.address.to_string().as_str(), found.name), (address, name));
        }
    }
}
