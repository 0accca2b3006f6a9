//! The worlds that programs run in: as processes, and as guests of two kinds.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};

use crate::cargo::{WASIP1_TARGET, WASIP2_TARGET};

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// As a process of this machine.
    Native,
    /// As a WebAssembly module of WASI preview1, on sockets that its [`Host`](crate::Host) opened.
    Wasip1,
    /// As a WebAssembly component of WASI preview2, which makes its own sockets.
    Wasip2,
}

impl World {
    /// All of them.
    pub const ALL: [World; 3] = [World::Native, World::Wasip1, World::Wasip2];

    /// Those of guests.
    pub const GUESTS: [World; 2] = [World::Wasip1, World::Wasip2];

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            World::Native => "native",
            World::Wasip1 => "wasip1",
            World::Wasip2 => "wasip2",
        }
    }

    /// The target that guests of it are built for.
    pub fn guest_target(self) -> Option<&'static str> {
        match self {
            World::Native => None,
            World::Wasip1 => Some(WASIP1_TARGET),
            World::Wasip2 => Some(WASIP2_TARGET),
        }
    }

    /// Which one a guest was built for, by the first bytes of its file: a module and a component begin in the same way,
    /// and say in the seventh byte which they are.
    pub fn of_guest(file: &Path) -> Result<World> {
        let mut header = [0; 8];
        let read = File::open(file).and_then(|mut file| file.read_exact(&mut header));
        read.with_context(|| format!("{} can't be read", file.display()))?;
        match header {
            [0, b'a', b's', b'm', _, _, 0, 0] => Ok(World::Wasip1),
            [0, b'a', b's', b'm', _, _, 1, 0] => Ok(World::Wasip2),
            _ => bail!("{} is not WebAssembly", file.display()),
        }
    }

    /// The exit code that the outside sees when a program ends with `code`. preview2 passes on only whether it succeeded.
    pub fn exit_code(self, code: i32) -> i32 {
        match self {
            World::Native | World::Wasip1 => code,
            World::Wasip2 => code.min(1),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.guest_target().unwrap_or("native"))
    }
}

impl FromStr for World {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<World> {
        let names = World::ALL.map(World::name).join(", ");
        let world = World::ALL.into_iter().find(|world| world.name() == name);
        world.ok_or_else(|| anyhow!("`{name}` is no world; there are {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::World;
    use std::fs;

    #[test]
    fn worlds_are_found_by_name() {
        for world in World::ALL {
            assert_eq!(world.name().parse::<World>().expect("a name"), world);
        }
        let error = "nowhere".parse::<World>().expect_err("no name");
        assert!(error.to_string().contains("wasip2"), "{error}");
    }

    #[test]
    fn a_file_says_what_it_is() {
        let file = std::env::temp_dir().join(format!("selectio-world-{}", std::process::id()));
        let world = |bytes: &[u8]| {
            fs::write(&file, bytes).expect("the temporary folder can be written");
            World::of_guest(&file).map_err(|error| error.to_string())
        };
        assert_eq!(world(b"\0asm\x01\0\0\0 and more"), Ok(World::Wasip1));
        assert_eq!(world(b"\0asm\x0d\0\x01\0 and more"), Ok(World::Wasip2));
        assert!(world(b"#!/bin/sh\n").expect_err("a script").contains("not WebAssembly"));
        assert!(world(b"\0asm").expect_err("too short").contains("can't be read"));
        fs::remove_file(file).expect("it is there");
    }
}
