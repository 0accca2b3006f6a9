//! Starts an example in a [`World`] and learns its address.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cargo;
use crate::guest::{self, Guest};
use crate::host::{Host, Network};
use crate::process::{Process, Stream};
use crate::system::System;
use crate::world::World;

/// How long a program may take from its start until it says where it listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// An example that runs and listens.
#[derive(Debug)]
pub struct Program {
    /// The process: the example itself, or the host with the example as guest.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What listens on any free loopback port.
const ANY_PORT: &str = "127.0.0.1:0";

impl Program {
    /// Builds the example `name` and starts it on a free loopback port, with further `arguments` after the address; as a
    /// guest, on the chosen host.
    pub fn start(name: &str, world: World, arguments: &[&str]) -> Result<Program> {
        Program::start_on(Host::chosen()?, name, world, arguments)
    }

    /// Does it on `host`, as a guest.
    pub fn start_on(host: Host, name: &str, world: World, arguments: &[&str]) -> Result<Program> {
        // A guest gets the address too, so that its arguments are the same in all worlds.
        let arguments = [&[ANY_PORT], arguments].concat();
        let executable = cargo::example(name, world)?;
        let started = match world {
            World::Native => {
                System::chosen()?.command(&executable).and_then(|it| start_own(it, &arguments, START_LIMIT))
            }
            World::Wasip1 => start_on_listener(host, &executable, &arguments),
            World::Wasip2 => host
                .command(&executable, Network::Whole)
                .and_then(|command| start_own(command, &arguments, guest::START_LIMIT)),
        };
        started.with_context(|| format!("example {name} ({world}) did not say where it listens"))
    }
}

impl Program {
    /// Does it with a folder that the program may read; a guest is given it by its host, which has to tell where its
    /// listeners are.
    pub fn start_with_folder(name: &str, world: World, folder: &str, arguments: &[&str]) -> Result<Program> {
        let (executable, any) = (cargo::example(name, world)?, [ANY_PORT.to_owned()]);
        let (mut command, stream) = match world {
            World::Native => (System::chosen()?.command(&executable)?, Stream::Stdout),
            World::Wasip1 => {
                let listeners = Network::Listeners(&any);
                (Host::chosen()?.command_with_options(listeners)?, Stream::Stderr)
            }
            World::Wasip2 => (Host::chosen()?.command_with_options(Network::Whole)?, Stream::Stdout),
        };
        if world != World::Native {
            command.args(["--dir", folder]).arg(executable);
        }
        command.arg(ANY_PORT).args(arguments);
        let process = Process::start(command)?;
        let address = process.wait_for(stream, guest::START_LIMIT, |text| announced(text).next());
        let address = address.with_context(|| format!("example {name} ({world}) did not say where it listens"))?;
        Ok(Program { process, address })
    }
}

/// One that makes its listener itself, and says where.
fn start_own(mut command: Command, arguments: &[&str], limit: Duration) -> Result<Program> {
    command.args(arguments);
    let process = Process::start(command)?;
    let address = process.wait_for(Stream::Stdout, limit, |text| announced(text).next())?;
    Ok(Program { process, address })
}

/// A guest that gets its listener from the host.
fn start_on_listener(host: Host, module: &Path, arguments: &[&str]) -> Result<Program> {
    let guest = Guest::start(host, module, 1, arguments)?;
    Ok(Program { process: guest.process, address: guest.listeners[0] })
}

/// Builds the example `name`, and if it is to be a guest the host at hand; the command that starts it listening on
/// `address`.
pub fn command(name: &str, world: World, address: &str) -> Result<Command> {
    let executable = cargo::example(name, world)?;
    let mut command = match world {
        World::Native => System::chosen()?.command(&executable)?,
        World::Wasip1 => Host::at_hand()?.command(&executable, Network::Listeners(&[address.to_owned()]))?,
        World::Wasip2 => Host::at_hand()?.command(&executable, Network::Whole)?,
    };
    command.arg(address);
    Ok(command)
}

/// The addresses of the listeners announced in `text`: by an example, `echo: listening on 127.0.0.1:7000`, or by the
/// host, `selectio: listening on 127.0.0.1:7000 (fd 3, NAME)`.
pub fn announced(text: &str) -> impl Iterator<Item = SocketAddr> {
    text.lines().filter_map(|line| {
        let rest = line.split_once(": listening on ")?.1;
        rest.split([' ', ',']).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::announced;

    #[test]
    fn announced_listeners() {
        let text = "echo: listening on 127.0.0.1:7000\nnoise\ntasks: listening on 127.0.0.1:7, patiently\n\
            selectio: listening on 127.0.0.1:5 (fd 3)\nselectio: listening on [::1]:6 (fd 4, control)\n\
            echo: listening on a socket of the host\n";
        let found: Vec<String> = announced(text).map(|address| address.to_string()).collect();
        assert_eq!(found, ["127.0.0.1:7000", "127.0.0.1:7", "127.0.0.1:5", "[::1]:6"]);
    }
}
