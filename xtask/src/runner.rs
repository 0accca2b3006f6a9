//! `cargo xtask runner`: what cargo calls to run a program for wasm32-wasip1.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use selectio_driver::{Host, guest_tests};

use crate::hand_over;

/// Builds the host if it is not up to date, or installs it, then runs `module` under it.
pub fn run(module: &Path, arguments: &[String]) -> Result<ExitCode> {
    let host = Host::chosen()?;
    if is_test_binary(module) {
        let exit_code = guest_tests::run(host, module, arguments)?;
        return Ok(ExitCode::from(u8::try_from(exit_code).unwrap_or(u8::MAX)));
    }
    let mut command = host.command(module, &[listen_address(arguments).to_owned()])?;
    command.args(arguments);
    hand_over::to(command)
}

/// Cargo keeps test binaries in a folder `deps`; examples, programs and documentation tests lie elsewhere.
fn is_test_binary(module: &Path) -> bool {
    module.parent().and_then(Path::file_name) == Some(OsStr::new("deps"))
}

/// The address that is the first argument, so that a command line means the same in both worlds; else a free port.
fn listen_address(arguments: &[String]) -> &str {
    let first = arguments.first().map(String::as_str);
    first.filter(|text| text.parse::<SocketAddr>().is_ok()).unwrap_or("127.0.0.1:0")
}

#[cfg(test)]
mod tests {
    use super::{is_test_binary, listen_address};
    use std::path::Path;

    #[test]
    fn test_binaries() {
        assert!(is_test_binary(Path::new("/t/wasm32-wasip1/debug/deps/it-0123.wasm")));
        assert!(!is_test_binary(Path::new("/t/wasm32-wasip1/debug/examples/echo.wasm")));
    }

    #[test]
    fn the_address_comes_from_the_arguments() {
        let arguments = ["[::1]:7000".to_owned(), "30".to_owned()];
        assert_eq!(listen_address(&arguments), "[::1]:7000");
        assert_eq!(listen_address(&arguments[1..]), "127.0.0.1:0");
        assert_eq!(listen_address(&[]), "127.0.0.1:0");
    }
}
