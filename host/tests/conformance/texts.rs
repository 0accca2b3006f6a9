//! What the command says is one clean line, also when a guest or its name means harm.

use crate::command::program;
use crate::descriptors::folder;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("selectio: ") && text.ends_with('\n'), "{text:?}");
    // The functions that a trap was in follow, indented.
    let line = text.split_once("\n    0: ").map_or(text.trim_end_matches('\n'), |(line, _)| line);
    assert!(!line.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
    (output.status.code(), line.to_owned())
}

fn selectio(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selectio"));
    command.arg("run").args(arguments);
    command
}

/// A terminal does what it is told: another title, another colour, another line over the one before.
const CODES: &str = r"\1b]0;title\07\1b[31mred\0d\0aselectio: all is well";

#[test]
fn what_a_guest_names_is_printed_without_its_codes() {
    let folder = folder("codes_of_a_guest");
    let memory = r#"(memory (export "memory") 1)"#;
    let cases = [
        ("import", format!(r#"(import "env" "{CODES}" (func)) {memory} (func (export "_start"))"#)),
        ("import_module", format!(r#"(import "{CODES}" "x" (func)) {memory} (func (export "_start"))"#)),
        ("twice", format!(r#"{memory} (func (export "{CODES}")) (func (export "_start")) (func (export "{CODES}"))"#)),
        ("trap", format!(r#"{memory} (func $f (@name "{CODES}") (export "_start") unreachable)"#)),
    ];
    for (name, text) in cases {
        let guest = folder.join(name).with_extension("wasm");
        fs::write(&guest, wat::parse_str(format!("(module {text})")).unwrap()).unwrap();
        let (code, line) = said(&mut selectio(&[guest.to_str().unwrap()]));
        assert_eq!(code, Some(if name == "trap" { 134 } else { 1 }), "{line}");
    }
}

#[test]
fn names_on_the_command_line_are_printed_without_their_codes() {
    let guest = program("codes_of_names", "(func $main)");
    let guest = guest.to_str().unwrap();
    let codes = "/nowhere/\u{1b}[31mred\r\nselectio: all is well";
    for arguments in [
        &[codes][..],
        &["--dir", codes, guest],
        &["--tcplisten", codes, guest],
        &["--tcplisten", &format!("{codes}=127.0.0.1:0"), guest],
        &["--unixlisten", codes, guest],
    ] {
        assert_eq!(said(&mut selectio(arguments)).0, Some(1), "{arguments:?}");
    }
}

#[test]
fn an_empty_path_is_no_path() {
    let guest = program("empty_path", "(func $main)");
    for empty in ["", "web="] {
        let (code, line) = said(&mut selectio(&["--unixlisten", empty, guest.to_str().unwrap()]));
        assert_eq!(code, Some(1));
        assert!(line.contains("a path is needed"), "{line}");
    }
}

#[test]
fn a_path_gets_no_advice_about_ports() {
    let guest = program("advice", "(func $main)");
    for path in [guest.to_str().unwrap(), "/nowhere/at/all", "/proc/socket"] {
        let (code, line) = said(&mut selectio(&["--unixlisten", path, guest.to_str().unwrap()]));
        assert_eq!(code, Some(1));
        assert!(!line.contains("port"), "{line}");
        assert!(line.contains(path), "{line}");
    }
}

#[test]
fn a_variable_that_can_not_be_passed_on_is_said_and_not_dropped() {
    let guest = program("no_text", "(func $main)");
    let mut command = selectio(&["--env", "LATIN", guest.to_str().unwrap()]);
    let (code, line) = said(command.env("LATIN", OsStr::from_bytes(b"gr\xfc\xdfe")));
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    assert!(line.contains("LATIN") && line.contains("UTF-8"), "{line}");
    // One that is not set is passed on as it is.
    let output = selectio(&["--env", "LATIN", guest.to_str().unwrap()]).env_remove("LATIN").output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

/// A full disk, or a reader that has gone away.
#[test]
fn what_can_not_be_said_changes_nothing() {
    for (name, body, code) in [("mute_end", "", 0), ("mute_trap", "(unreachable)", 134)] {
        let guest = program(name, &format!("(func $main {body})"));
        let mut command = selectio(&["--tcplisten", "127.0.0.1:0", guest.to_str().unwrap()]);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(command.stderr(full).status().unwrap().code(), Some(code), "{name}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(command.stderr(writer).status().unwrap().code(), Some(code), "{name}");
    }
}
