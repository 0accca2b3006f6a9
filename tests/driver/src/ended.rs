//! A program that has ended by itself.

use std::process::Command;

use anyhow::Result;

use crate::cargo;
use crate::guest::START_LIMIT;
use crate::host::{Host, Network};
use crate::process::{Process, Stream};
use crate::system::System;
use crate::world::World;

/// What it has printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// None when a signal ended it.
    pub exit_code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Runs the example `name`, which ends by itself. A guest gets so much of the network, and what its host prints of
    /// that is left out.
    ///
    /// # Errors
    /// Those of building and starting it, and that it doesn't end.
    pub fn of_example(name: &str, world: World, network: Network<'_>, arguments: &[&str]) -> Result<Ended> {
        let executable = cargo::example(name, world)?;
        let (host, mut command) = match world {
            World::Native => (None, System::chosen()?.command(&executable)?),
            World::Wasip1 | World::Wasip2 => {
                let host = Host::chosen()?;
                (Some(host), host.command(&executable, network)?)
            }
        };
        command.args(arguments);
        let mut ended = Ended::of(command)?;
        if let Some(host) = host {
            ended.stderr = host.without_own_lines(&ended.stderr);
        }
        Ok(ended)
    }

    /// Runs the command to its end, with nothing on its standard input.
    ///
    /// # Errors
    /// Those of starting it, and that it doesn't end.
    pub fn of(command: Command) -> Result<Ended> {
        let mut process = Process::start(command)?;
        drop(process.input());
        let status = process.wait(START_LIMIT)?;
        Ok(Ended {
            exit_code: status.code(),
            stdout: process.output(Stream::Stdout),
            stderr: process.output(Stream::Stderr),
        })
    }

    /// The program refused in one line that says what is wrong.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn expect_refusal(&self, exit_code: i32, names: &str) {
        assert_eq!(self.exit_code, Some(exit_code), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.contains(names), "{names} is missing: {}", self.stderr);
    }
}
