//! The command `selectio` and a guest that gets less than it needs.

use std::process::Command;

use selectio_driver::process::{Process, Stream};
use selectio_driver::{World, cargo};

use crate::LIMIT;

/// The exit code and the two output streams of a call of `selectio`.
fn selectio(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(cargo::host().expect("the host builds"));
    command.args(arguments);
    let mut process = Process::start(command).expect("the host starts");
    let status = process.wait(LIMIT).expect("it ends");
    (status.code(), process.output(Stream::Stdout), process.output(Stream::Stderr))
}

#[track_caller]
fn check_refusal(arguments: &[&str], exit_code: i32, names: &str) {
    let (code, _, errors) = selectio(arguments);
    assert_eq!(code, Some(exit_code), "{arguments:?}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
    assert!(errors.contains(names), "{arguments:?}: {errors}");
}

#[test]
fn help_names_the_options() {
    for arguments in [["run", "--help"].as_slice(), &["--help"]] {
        let (code, help, errors) = selectio(arguments);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert!(help.contains("run"), "{help}");
    }
    let (_, help, _) = selectio(&["run", "--help"]);
    for option in ["--tcplisten", "--dir", "--env"] {
        assert!(help.contains(option), "{option} is missing: {help}");
    }
}

#[test]
fn a_wrong_call_is_answered_in_one_line() {
    check_refusal(&[], 2, "run");
    check_refusal(&["dance"], 2, "dance");
    check_refusal(&["run"], 2, "MODULE");
    check_refusal(&["run", "--tcplisten", "nowhere", "app.wasm"], 2, "nowhere");
}

#[test]
fn a_module_that_is_missing_or_none_is_named_in_one_line() {
    check_refusal(&["run", "no-such-file.wasm"], 1, "no-such-file.wasm");
    check_refusal(&["run", "Cargo.toml"], 1, "Cargo.toml");
}

#[test]
fn a_guest_without_a_socket_says_how_to_pass_one() {
    for name in ["echo", "chat", "tasks"] {
        let module = cargo::example(name, World::Wasm).expect("the example builds");
        check_refusal(&["run", module.to_str().expect("a path in UTF-8")], 1, "--tcplisten");
    }
}
