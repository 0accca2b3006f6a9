//! The systems that native programs and the host are built for and run on.

use std::env;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Result, anyhow};

use crate::wine;

/// The variable of the environment that names the system for tests.
pub const VARIABLE: &str = "SELECTIO_TEST_SYSTEM";

/// Something that runs native programs, and the host with its guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// This machine.
    This,
    /// Windows, played by Wine.
    Wine,
}

impl System {
    /// All of them.
    pub const ALL: [System; 2] = [System::This, System::Wine];

    /// The one that [`VARIABLE`] names, else this machine.
    pub fn chosen() -> Result<System> {
        match env::var(VARIABLE) {
            Ok(name) => name.parse(),
            Err(_) => Ok(System::This),
        }
    }

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            System::This => "this",
            System::Wine => "wine",
        }
    }

    /// What cargo builds for it with.
    pub fn cargo_arguments(self) -> &'static [&'static str] {
        match self {
            System::This => &[],
            System::Wine => &["--target", wine::TARGET],
        }
    }

    /// The command that runs a program there. Its arguments follow.
    pub fn command(self, executable: &Path) -> Result<Command> {
        match self {
            System::This => Ok(Command::new(executable)),
            System::Wine => wine::command(executable),
        }
    }
}

impl FromStr for System {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<System> {
        let names = System::ALL.map(System::name).join(", ");
        let system = System::ALL.into_iter().find(|system| system.name() == name);
        system.ok_or_else(|| anyhow!("`{name}` is no system; there are {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::System;

    #[test]
    fn systems_are_found_by_name() {
        for system in System::ALL {
            assert_eq!(system.name().parse::<System>().expect("a name"), system);
        }
        let error = "nowhere".parse::<System>().expect_err("no name");
        assert!(error.to_string().contains("wine"), "{error}");
    }
}
