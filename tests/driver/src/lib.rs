//! Drives selectio programs from outside.
//!
//! A callback program can't tell much about itself, so this library stands where its users stand: it builds a
//! program with cargo, starts it natively or as a guest of a host, connects to it, and writes down what
//! comes back. Everything here blocks, on ordinary threads, and every wait has a limit.
//!
//! | module | what it does |
//! |---|---|
//! | [`cargo`] | calls cargo and learns where it put what it built |
//! | [`progress`] | shows how far a build is |
//! | [`process`] | one running program: its output, its exit code, its CPU time |
//! | [`world`] | where a program runs: natively, or as a guest of one of two kinds |
//! | [`system`] | what native programs run on: this machine, or Windows |
//! | [`wine`] | a Windows that is none |
//! | [`tool`] | a command of another project, installed once |
//! | [`host`] | what runs guests: `selectio run`, and hosts that others ship |
//! | [`installed`] | a host on the search path, which spares building or installing one |
//! | [`guest`] | starts a guest with listeners of its host and learns where they are |
//! | [`program`] | starts an example in a [`World`] and learns its address |
//! | [`ended`] | a program that has ended by itself: what it printed, and how it refused |
//! | [`known_client`] | the clients of others that drive the example programs |
//! | [`client`] | one client that sends and receives lines |
//! | [`conversation`] | three clients play a fixed script against `chat` |
//! | [`transcript`] | what they saw, and how two transcripts compare |
//! | [`peer`] | plays the clients of the portable tests, on request |
//! | [`guest_with_peer`] | starts a guest with one test and a peer, and has them find each other |
//! | [`guest_tests`] | runs a test binary as guest, one host process for each test |

#![forbid(unsafe_code)]

pub mod cargo;
pub mod checksum;
pub mod client;
pub mod conversation;
pub mod ended;
pub mod guest;
pub mod guest_tests;
pub mod guest_with_peer;
pub mod host;
pub mod installed;
pub mod known_client;
pub mod peer;
pub mod process;
pub mod program;
pub mod progress;
pub mod system;
pub mod tool;
pub mod transcript;
pub mod wine;
pub mod world;

pub use ended::Ended;
pub use host::Host;
pub use program::Program;
pub use system::System;
pub use world::World;

/// Makes a test of each named function for every world: `native::NAME`, `wasip1::NAME` and `wasip2::NAME`.
#[macro_export]
macro_rules! in_every_world {
    ($($name:ident),+ $(,)?) => {
        mod native {
            $(#[test] fn $name() { super::$name($crate::World::Native); })+
        }
        mod wasip1 {
            $(#[test] fn $name() { super::$name($crate::World::Wasip1); })+
        }
        mod wasip2 {
            $(#[test] fn $name() { super::$name($crate::World::Wasip2); })+
        }
    };
}
