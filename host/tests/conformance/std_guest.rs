//! A program of Rust's standard library, with directories and sockets at once.

use crate::command::Running;
use crate::descriptors::folder;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a guest of tests/guests.
pub fn compile(name: &str, folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(name);
    let module = folder.join(name).with_extension("wasm");
    let status = Command::new("rustc")
        .args(["--edition", "2024", "--target", "wasm32-wasip1", "-o"])
        .args([&module, &source])
        .status()
        .unwrap();
    assert!(status.success(), "the target is missing if it can't find crate `std`: rustup target add wasm32-wasip1");
    module
}

#[test]
fn std_reads_files_and_serves_connections() {
    let folder = folder("std_guest");
    fs::write(folder.join("greeting"), "hello from a file").unwrap();
    let module = compile("file_and_connection.rs", &folder);
    let mut running = Running::start(&[
        "--tcplisten",
        "web=127.0.0.1:0",
        "--dir",
        &format!("{}::/data", folder.display()),
        "--tcplisten",
        "127.0.0.1:0",
        "--env",
        "GREETING=hi",
        module.to_str().unwrap(),
        "--dir",
        "-v",
    ]);
    assert!(running.line().contains("(fd 3, web)"));
    let mut connection = running.connect();
    connection.write_all(b"/data/greeting").unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut content = String::new();
    connection.read_to_string(&mut content).unwrap();
    assert_eq!(content, "hello from a file");
    let (code, output) = running.finish();
    assert_eq!(code, Some(0));
    assert_eq!(
        output,
        "arguments [\"--dir\", \"-v\"]\nLISTEN_FDS Ok(\"2\")\n\
         LISTEN_FDNAMES Ok(\"web:unknown\")\nGREETING Ok(\"hi\")\n"
    );
}
