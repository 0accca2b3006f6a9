//! What keeps a program from starting is said in one line, with exit code 1: it is no trap of the program's.

use crate::command::program;
use crate::guest::run;
use selectio_host::{Error, Host};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The shell changes what the command starts with, and says nothing itself.
fn from_a_shell(prelude: &str, arguments: &[&str], input: Stdio) -> (Option<i32>, String) {
    let script = format!(r#"{prelude} exec "$0" run "$@""#);
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_selectio")]).args(arguments).stdin(input);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn is_one_line_with_exit_code_1((code, text): (Option<i32>, String)) -> String {
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("selectio: ") && text.lines().count() == 1, "{text}");
    text
}

/// 4 GiB of addresses are set aside for each memory, used or not.
#[test]
fn without_memory_to_be_had() {
    let guest = program("no_memory", "(func $main)");
    let text = from_a_shell("ulimit -v 2000000;", &[guest.to_str().unwrap()], Stdio::null());
    let text = is_one_line_with_exit_code_1(text);
    assert!(text.contains("can't start guest.wasm") && text.contains("memory"), "{text}");
    // More than any machine has.
    let bytes = wat::parse_str(r#"(module (memory i64 0x800000000) (func (export "_start")))"#).unwrap();
    let error = run(Host::builder().module_bytes("guest.wasm", bytes)).expect_err("2 PiB");
    assert!(matches!(error, Error::NotStarted { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 1);
}

/// Whatever comes first that needs one; from some number on there are enough.
#[test]
fn without_descriptors_to_be_had() {
    let guest = program("no_descriptors", "(func $main)");
    let guest = guest.to_str().unwrap();
    let folder = program("folder_without_descriptors", "(func $main)");
    let folder = folder.parent().unwrap().to_str().unwrap();
    let mut refused = 0;
    for limit in 4..16 {
        let prelude = format!("ulimit -n {limit};");
        let arguments = ["--tcplisten", "127.0.0.1:0", "--dir", folder, "--timeout", "60", guest];
        let (code, text) = from_a_shell(&prelude, &arguments, Stdio::null());
        if code != Some(0) {
            let said = text.lines().last().unwrap_or_default().to_owned();
            assert!(text.lines().all(|line| line.starts_with("selectio: ")), "{text}");
            is_one_line_with_exit_code_1((code, said));
            refused += 1;
        }
    }
    assert!((1..12).contains(&refused), "{refused} of 12 were refused");
}

#[test]
fn with_a_start_that_is_none() {
    let memory = r#"(memory (export "memory") 1)"#;
    for start in [
        r#"(func (export "_start") (param i32))"#,
        r#"(func (export "_start") (result i32) (i32.const 0))"#,
        r#"(global (export "_start") i32 (i32.const 0))"#,
        r#"(table (export "_start") 1 funcref)"#,
        r#"(tag (export "_start"))"#,
        r#"(func (export "start"))"#,
    ] {
        let bytes = wat::parse_str(format!("(module {memory} {start})")).unwrap();
        let error = run(Host::builder().module_bytes("guest.wasm", bytes)).expect_err(start);
        assert!(error.exit_code() == 1 && error.to_string().contains("_start"), "{start}: {error}");
    }
}

/// A trap in a start section is one.
#[test]
fn what_traps_before_the_start_has_started() {
    for body in ["(func $first unreachable) (start $first)", r#"(data (i32.const 65530) "beyond the end")"#] {
        let text = format!(r#"(module (memory (export "memory") 1) {body} (func (export "_start")))"#);
        let error = run(Host::builder().module_bytes("guest.wasm", wat::parse_str(text).unwrap())).expect_err(body);
        assert!(matches!(error, Error::Trap { .. }), "{body}: {error}");
    }
}

/// Descriptor 3 is what LISTEN_FDS=1 is about.
#[test]
fn with_sockets_that_were_promised_and_not_passed() {
    let guest = program("promised", "(func $main)");
    let guest = guest.to_str().unwrap();
    let promise = "export LISTEN_FDS=1 LISTEN_PID=$$;";
    // Sockets that are opened before would get the number.
    for options in
        [&["--listenfd"][..], &["--tcplisten", "127.0.0.1:0", "--listenfd"], &["-S", "listenfd,tcplisten=127.0.0.1:0"]]
    {
        let text = from_a_shell(&format!("{promise} exec 3<&-;"), &[options, &[guest]].concat(), Stdio::null());
        let text = is_one_line_with_exit_code_1(text);
        assert!(text.contains("LISTEN_FDS"), "{text}");
    }
    // One of four was passed.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let prelude = "export LISTEN_FDS=4 LISTEN_PID=$$; exec 3<&0 4<&- 5<&- 6<&-;";
    let text = from_a_shell(prelude, &["--listenfd", guest], Stdio::from(OwnedFd::from(listener)));
    assert!(is_one_line_with_exit_code_1(text).contains("LISTEN_FDS names 4"));
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (input, part) in [
        (Stdio::null(), "no socket"),
        (Stdio::from(std::fs::File::open(guest).unwrap()), "no socket"),
        (Stdio::from(OwnedFd::from(datagrams)), "no stream socket"),
    ] {
        let text = from_a_shell(&format!("{promise} exec 3<&0;"), &["--listenfd", guest], input);
        let text = is_one_line_with_exit_code_1(text);
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn sockets_that_were_passed_come_after_those_that_are_opened() {
    let guest = program("passed_and_opened", "(func $main (call $is (call $fd_close (i32.const 4)) (i32.const 0)))");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let prelude = "export LISTEN_FDS=1 LISTEN_PID=$$; exec 3<&0;";
    let arguments = ["--tcplisten", "opened=127.0.0.1:0", "--listenfd", guest.to_str().unwrap()];
    let (code, text) = from_a_shell(prelude, &arguments, Stdio::from(OwnedFd::from(listener)));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" (fd 3, opened)"), "{text}");
    assert!(text.contains(&format!("listening on {address} (fd 4)")), "{text}");
}
