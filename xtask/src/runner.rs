//! `cargo xtask runner`: what cargo calls to run a program for a guest's target.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::host::Network;
use selectio_driver::{Host, World, guest_tests};

use crate::hand_over;

/// Builds the host if it is not up to date, or installs it, then runs `module` under it. Only examples run under an
/// installed one: tests are about the host of this source.
pub fn run(module: &Path, arguments: &[String]) -> Result<ExitCode> {
    let host = if is_in_folder(module, "examples") { Host::at_hand()? } else { Host::chosen()? };
    // Programs and documentation tests lie elsewhere.
    if is_in_folder(module, "deps") {
        let exit_code = guest_tests::run(host, module, arguments)?;
        return Ok(ExitCode::from(u8::try_from(exit_code).unwrap_or(u8::MAX)));
    }
    let listen = [listen_address(arguments).to_owned()];
    let network = match World::of_guest(module)? {
        World::Wasip2 => Network::Whole,
        World::Native | World::Wasip1 => Network::Listeners(&listen),
    };
    let mut command = host.command(module, network)?;
    command.args(arguments);
    hand_over::to(command)
}

/// Cargo keeps test binaries in a folder `deps`, and examples in a folder `examples`.
fn is_in_folder(module: &Path, name: &str) -> bool {
    module.parent().and_then(Path::file_name) == Some(OsStr::new(name))
}

/// The address that is the first argument, so that a command line means the same in all worlds; else a free port.
fn listen_address(arguments: &[String]) -> &str {
    let first = arguments.first().map(String::as_str);
    first.filter(|text| text.parse::<SocketAddr>().is_ok()).unwrap_or("127.0.0.1:0")
}

#[cfg(test)]
mod tests {
    use super::{is_in_folder, listen_address};
    use std::path::Path;

    #[test]
    fn tests_and_examples_are_told_apart_by_their_folder() {
        let (test, example) = (
            Path::new("/t/wasm32-wasip1/debug/deps/it-0123.wasm"),
            Path::new("/t/wasm32-wasip1/debug/examples/echo.wasm"),
        );
        assert!(is_in_folder(test, "deps") && !is_in_folder(test, "examples"));
        assert!(is_in_folder(example, "examples") && !is_in_folder(example, "deps"));
    }

    #[test]
    fn the_address_comes_from_the_arguments() {
        let arguments = ["[::1]:7000".to_owned(), "30".to_owned()];
        assert_eq!(listen_address(&arguments), "[::1]:7000");
        assert_eq!(listen_address(&arguments[1..]), "127.0.0.1:0");
        assert_eq!(listen_address(&[]), "127.0.0.1:0");
    }
}
