//! The log of the command.

use crate::command::{Running, failure, program};
use crate::descriptors::folder;
use std::fs;
use std::io::Read;
use std::net::Shutdown;

/// Accepts one client, and ends when that sends nothing more.
const ONE_CLIENT: &str = "
    (func $main
      (call $on_read (i32.const 0) (i32.const 3))
      (drop (call $poll (i32.const 1)))
      (drop (call $accept (i32.const 4)))
      (call $on_read (i32.const 0) (call $accepted))
      (drop (call $poll (i32.const 1)))
      (drop (call $fd_close (call $accepted))))";

/// Runs the guest with one client, and returns what the host has printed.
fn run_with(name: &str, options: &[&str]) -> String {
    let guest = program(name, ONE_CLIENT);
    let mut running = Running::start(&[options, &["--tcplisten", "127.0.0.1:0", guest.to_str().unwrap()]].concat());
    while !running.line().contains("listening on") {}
    let mut client = running.connect();
    client.shutdown(Shutdown::Write).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let printed = running.remaining_lines();
    assert_eq!(running.finish().0, Some(0));
    printed
}

/// The log of such a run.
fn log_with(name: &str, options: &[&str]) -> String {
    let path = folder(&format!("{name}_file")).join("log");
    run_with(name, &[&["--log", path.to_str().unwrap()], options].concat());
    fs::read_to_string(path).unwrap()
}

/// Whether a line is that of a record: a time such as `2000-01-31T12:00:00.000001Z`, a level, and a message.
fn is_record(line: &str) -> bool {
    let Some((time, rest)) = line.split_once(' ') else { return false };
    let shape: String = time.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    let levels = ["ERROR ", "WARN  ", "INFO  ", "DEBUG ", "TRACE "];
    shape == "0000-00-00T00:00:00.000000Z" && levels.iter().any(|level| rest.len() > 6 && rest.starts_with(level))
}

#[test]
fn every_record_is_one_line_with_time_and_level() {
    let log = log_with("log_records", &[]);
    assert!(log.ends_with('\n') && log.lines().all(is_record), "{log}");
    // A client has come, and the program has ended.
    assert!(log.lines().count() >= 2 && log.contains(" INFO  "), "{log}");
    assert!(log.lines().last().unwrap().contains("exit code 0"), "{log}");
}

#[test]
fn the_level_says_what_is_in_the_log() {
    assert_eq!(log_with("log_error", &["--log-level", "error"]), "");
    let info = log_with("log_info", &["--log-level", "info"]);
    assert!(!info.contains("DEBUG") && !info.contains("wasmtime"), "{info}");
    let debug = log_with("log_debug", &["--log-level", "debug"]);
    assert!(!debug.contains("cranelift") && debug.lines().all(is_record), "{debug}");
    let trace = log_with("log_trace", &["--log-level", "trace"]);
    assert!(trace.contains("wasmtime") && trace.lines().all(is_record));
}

#[test]
fn a_log_goes_on_where_it_was() {
    let path = folder("log_appended_file").join("log");
    fs::write(&path, "what was there\n").unwrap();
    run_with("log_appended", &["--log", path.to_str().unwrap()]);
    let log = fs::read_to_string(path).unwrap();
    let records = log.strip_prefix("what was there\n").unwrap();
    assert!(!records.is_empty() && records.lines().all(is_record), "{log}");
}

#[test]
fn a_log_may_go_to_standard_error() {
    let printed = run_with("log_stderr", &["--log", "stderr"]);
    assert!(printed.lines().any(is_record), "{printed}");
    assert!(!run_with("log_none", &[]).lines().any(is_record));
}

/// Nothing can be written to this device.
#[test]
fn a_full_disk_ends_no_program() {
    assert_eq!(run_with("log_full", &["--log", "/dev/full"]), "");
}

#[test]
fn a_file_that_cannot_be_opened_is_one_line_and_exit_code_1() {
    let guest = program("log_nowhere", "(func $main)");
    for path in ["/nowhere/at/all", "/"] {
        let (code, text) = failure(&["run", "--log", path, guest.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with(&format!("selectio: can't write the log to {path}: ")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let (code, text) = failure(&["run", "--log-level", "debug", guest.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
}
