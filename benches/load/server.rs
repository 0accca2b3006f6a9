//! The servers that are measured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// How a server is started.
#[derive(Clone, Debug)]
pub enum Program {
    /// A program of this machine, with the arguments that come before the address.
    Native {
        /// The executable.
        executable: PathBuf,
        /// Its first arguments.
        arguments: Vec<String>,
        /// The value of `SELECTIO_BACKEND`, if it is set.
        backend: Option<&'static str>,
    },
    /// A guest of preview1, of `selectio run`, which opens its listener.
    Guest {
        /// The command `selectio`.
        host: PathBuf,
        /// The module.
        module: PathBuf,
    },
    /// A guest of preview2, which opens its listener itself.
    Component {
        /// The command of the host.
        host: PathBuf,
        /// What gives it the network there.
        options: &'static [&'static str],
        /// The component.
        component: PathBuf,
    },
    /// A program of the system's, which doesn't say where it listens, for it was told.
    Installed {
        /// The executable.
        executable: PathBuf,
        /// All its arguments.
        arguments: Vec<String>,
        /// Where it listens.
        address: SocketAddr,
    },
}

/// A server: a row of the table.
#[derive(Clone, Debug)]
pub struct Server {
    /// What the table calls it.
    pub name: String,
    /// Whether lines that are sent at once are measured too.
    pub is_pipelined: bool,
    /// How it is started.
    pub program: Program,
}

/// The address of any free loopback port.
pub const ANY_PORT: &str = "127.0.0.1:0";

/// The variable of the environment that chooses what selectio waits with.
pub const BACKEND_VARIABLE: &str = "SELECTIO_BACKEND";

impl Server {
    /// Whether it runs as a guest, or is one of the same programs natively.
    pub fn is_beside_guests(&self) -> bool {
        !matches!(self.program, Program::Native { .. }) || ["selectio", "mio"].contains(&&*self.name)
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        match &self.program {
            Program::Native { executable, arguments, backend } => {
                let mut command = Command::new(executable);
                command.args(arguments).arg(ANY_PORT).env_remove(BACKEND_VARIABLE);
                command.envs(backend.map(|backend| (BACKEND_VARIABLE, backend)));
                command
            }
            Program::Guest { host, module } => {
                let mut command = Command::new(host);
                command.args(["run", "--tcplisten", ANY_PORT]).arg(module).arg(ANY_PORT);
                command
            }
            Program::Component { host, options, component } => {
                let mut command = Command::new(host);
                command.arg("run").args(*options).arg(component).arg(ANY_PORT);
                command
            }
            Program::Installed { executable, arguments, .. } => {
                let mut command = Command::new(executable);
                command.args(arguments);
                command
            }
        }
    }
}
