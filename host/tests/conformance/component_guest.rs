//! Components of Rust's standard library, compiled once for all tests, and small ones of text.

use crate::command::{Running, text_file};
use crate::descriptors::folder;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command};
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// The program of tests/guests/component.rs.
pub fn standard() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| compile("component"))
}

/// The program of tests/guests/pollables.rs.
pub fn pollables() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| compile("pollables"))
}

fn compile(name: &str) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(name).with_extension("rs");
    let program = folder(&format!("guest_{name}")).join(name).with_extension("wasm");
    let rustc = || {
        let mut rustc = Command::new("rustc");
        rustc
            .args(["--edition", "2024", "-O", "-C", "strip=debuginfo", "--target", TARGET, "-o"])
            .args([&program, &source]);
        rustc.output().unwrap()
    };
    let mut output = rustc();
    if String::from_utf8_lossy(&output.stderr).contains("target may not be installed") {
        let added = Command::new("rustup").args(["target", "add", TARGET]).status();
        assert!(added.is_ok_and(|status| status.success()), "the target is missing: rustup target add {TARGET}");
        output = rustc();
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program.to_str().unwrap().to_owned()
}

/// A component of text that exports a function under this name in this instance; its core function has this body, and
/// `imports` are its own.
pub fn exporting(instance: &str, function: &str, imports: &str, body: &str) -> String {
    format!(
        r#"(component {imports}
            (core module $program (func (export "run") (result i32) {body}))
            (core instance $instance (instantiate $program))
            (func $run (result (result)) (canon lift (core func $instance "run")))
            (instance (export "{instance}") (export "{function}" (func $run))))"#
    )
}

/// A command whose function has this body, in a file of its own.
pub fn command_file(name: &str, body: &str) -> String {
    text_file(name, &exporting("wasi:cli/run@0.2.0", "run", "", body))
}

/// A program that runs, and what it prints, line by line.
pub struct Printing {
    pub running: Running,
    lines: BufReader<ChildStdout>,
}

impl Printing {
    pub fn start(arguments: &[&str]) -> Printing {
        let mut running = Running::start(arguments);
        let lines = BufReader::new(running.take_output());
        Printing { running, lines }
    }

    /// The next line, empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits for the end.
    pub fn code(mut self) -> Option<i32> {
        self.running.code()
    }
}
