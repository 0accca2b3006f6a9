//! The clients of others that drive the example programs: curl, redis-benchmark and the like, as they are installed.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

/// A client that is installed, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownClient {
    /// The command.
    pub command: &'static str,
    /// The package of Debian's that has it.
    pub package: &'static str,
}

const fn client(command: &'static str, package: &'static str) -> KnownClient {
    KnownClient { command, package }
}

const CURL: KnownClient = client("curl", "curl");
const OPENSSL: KnownClient = client("openssl", "openssl");
const REDIS_CLI: KnownClient = client("redis-cli", "redis-tools");

/// The example programs, and `tls` for all of them, with the clients that their tests need.
pub const CLIENTS: [(&str, &[KnownClient]); 9] = [
    ("dns", &[client("dig", "dnsutils")]),
    ("graceful", &[]),
    ("http", &[CURL, OPENSSL, client("ab", "apache2-utils")]),
    ("hyper", &[CURL]),
    ("irc_client", &[client("ngircd", "ngircd")]),
    ("proxy", &[CURL, OPENSSL]),
    ("redis", &[REDIS_CLI, client("redis-benchmark", "redis-tools")]),
    ("tls", &[CURL, OPENSSL, REDIS_CLI]),
    ("websocket", &[client("chromium", "chromium"), client("chromedriver", "chromium-driver")]),
];

/// Where Debian keeps servers, which not everybody's search path has.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

impl KnownClient {
    /// Whether it is on the search path, or where servers are.
    pub fn is_installed(self) -> bool {
        folders().iter().any(|folder| folder.join(self.command).is_file())
    }
}

fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from)).collect()
}

/// The clients that the tests of this program lack here.
pub fn missing_for(program: &str) -> Vec<KnownClient> {
    let of_program = CLIENTS.iter().filter(|(name, _)| *name == program).flat_map(|(_, clients)| *clients);
    of_program.copied().filter(|client| !client.is_installed()).collect()
}

/// A call of the client.
///
/// # Errors
/// When it isn't installed, with the package that has it.
pub fn command(name: &str) -> Result<Command> {
    let known = CLIENTS.iter().flat_map(|(_, clients)| *clients).find(|client| client.command == name);
    match known {
        Some(client) if !client.is_installed() => {
            bail!("{name} is not installed: `apt-get install {}`", client.package)
        }
        Some(_) => {
            let mut command = Command::new(name);
            command.env("PATH", env::join_paths(folders())?);
            Ok(command)
        }
        None => bail!("{name} is not among the clients that tests may use"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENTS, client, command, missing_for};

    #[test]
    fn the_tests_of_each_program_are_left_out_by_its_name() {
        let modules = include_str!("../../programs/main.rs");
        for (program, _) in CLIENTS {
            assert!(modules.contains(&format!("mod {program};\n")), "there are no tests of {program}");
            assert!(missing_for(program).iter().all(|client| !client.is_installed()));
        }
    }

    #[test]
    fn what_is_not_installed_is_found_out() {
        assert!(!client("no-such-client", "no-such-package").is_installed());
        assert!(client("sh", "dash").is_installed());
        let error = command("no-such-client").expect_err("it is no known one");
        assert!(error.to_string().contains("no-such-client"), "{error}");
    }
}
