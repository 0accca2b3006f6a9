//! What is told about a program that has trapped.

use crate::command::{outcome, text_file};
use selectio_host::{Error, Host};
use std::fs;

/// With the names that Rust and C++ give their functions.
const TRAP: &str = r#"(module
    (func $_ZN3app5inner17h0123456789abcdefE unreachable)
    (func $_Z5outeri (call $_ZN3app5inner17h0123456789abcdefE))
    (func (export "_start") (call $_Z5outeri)))"#;

#[test]
fn a_trap_tells_all_functions_by_the_names_of_their_source() {
    let guest = text_file("trap", TRAP);
    let (code, _, text) = outcome(&["run", &guest]);
    assert_eq!(code, Some(134));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("selectio: the program trapped: ") && lines[0].ends_with(", in app::inner"), "{text}");
    assert!(lines[1].starts_with("    0: ") && lines[1].ends_with(" app::inner"), "{text}");
    assert!(lines[2].starts_with("    1: ") && lines[2].ends_with(" outer(int)"), "{text}");
    assert!(lines[3].starts_with("    2: ") && lines[3].ends_with(" function 2"), "{text}");
    assert_eq!(lines.len(), 4, "{text}");
}

#[test]
fn no_more_functions_are_told_than_asked_for() {
    let guest = text_file("trap_short", TRAP);
    for (max, lines) in [("0", 1), ("1", 2), ("2", 3), ("100", 4)] {
        let option = format!("max-backtrace={max}");
        let (code, _, text) = outcome(&["run", "-D", &option, &guest]);
        assert_eq!((code, text.lines().count()), (Some(134), lines), "{text}");
    }
}

#[test]
fn the_library_has_the_functions_too() {
    let host = Host::builder().module_bytes("app.wat", TRAP).build().unwrap();
    match host.run() {
        Err(Error::Trap { backtrace, core_dump: None, .. }) => assert_eq!(backtrace.len(), 3, "{backtrace:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_core_dump_is_written_when_asked_for() {
    let guest = text_file("trap_core", TRAP);
    let path = guest.replace("guest.wat", "core");
    let option = format!("coredump={path}");
    let (code, _, text) = outcome(&["run", "-D", &option, &guest]);
    assert_eq!(code, Some(134));
    assert!(text.ends_with(&format!("selectio: the core dump is in {path}\n")), "{text}");
    let dump = fs::read(&path).unwrap();
    assert!(dump.starts_with(b"\0asm") && dump.windows(9).any(|part| part == b"corestack"));
    // Where it can't be written, that is told beside the trap.
    let (code, _, text) = outcome(&["run", "-D", "coredump=/nowhere/core", &guest]);
    assert_eq!(code, Some(134));
    assert!(text.contains("unreachable") && text.contains("can't be written to /nowhere/core"), "{text}");
}

#[test]
fn samples_are_written_however_the_program_ends() {
    let guest = text_file("samples", r#"(module (func $busy (export "_start") (loop $again (br $again))))"#);
    let path = guest.replace("guest.wat", "samples.json");
    let profile = format!("--profile=guest,{path},1ms");
    let (code, _, text) = outcome(&["run", &profile, "--timeout", "100ms", &guest]);
    assert_eq!(code, Some(124), "{text}");
    assert!(fs::read_to_string(&path).unwrap().contains("busy"));
    let (code, _, text) = outcome(&["run", "--profile=guest,/nowhere/samples", &text_file("samples_nowhere", TRAP)]);
    assert_eq!(code, Some(134), "{text}");
}
