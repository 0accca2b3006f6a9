//! What a service manager sees of the command, and the units that this project has for systemd.

use crate::command::{Running, SELECTIO, program};
use crate::descriptors::folder;
use crate::std_guest::compile;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// No message takes a tenth of it; it bounds one that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a byte, waits once, and then ends when it is asked to.
const READY_AFTER_A_BYTE: &str = "
    (func $main
      (call $buffer (i32.const 1024) (i32.const 1))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $on_read (i32.const 0) (i32.const 0x7ffffff0))
      (drop (call $poll (i32.const 1)))
      (call $proc_exit (i32.const 7)))";

/// Greets each client.
const GREETS: &str = "
    (data (i32.const 1024) \"hello\")
    (func $main
      (call $on_read (i32.const 0) (i32.const 3))
      (loop $next
        (drop (call $poll (i32.const 1)))
        (br_if $next (call $accept (i32.const 4)))
        (drop (call $send (call $accepted) (i32.const 5)))
        (drop (call $fd_close (call $accepted)))
        (br $next)))";

/// The socket that a service manager listens on for messages.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn listen(name: &str) -> Manager {
        let path = folder(&format!("{name}_manager")).join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, path }
    }

    /// The command as this manager starts it.
    fn command(&self) -> Command {
        let mut command = Command::new(SELECTIO);
        command.arg("run").env("NOTIFY_SOCKET", &self.path).stdin(Stdio::piped());
        command
    }

    fn message(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn has_message(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let received = self.socket.recv(&mut [0; 256]);
        self.socket.set_nonblocking(false).unwrap();
        !received.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

#[test]
fn a_program_is_ready_when_it_waits_and_stopping_when_it_is_told_to() {
    let manager = Manager::listen("ready");
    let guest = program("ready", READY_AFTER_A_BYTE);
    let mut running = Running::spawn(manager.command().arg(guest));
    // It runs, and has not waited.
    running.wait_for_a_byte();
    assert!(!manager.has_message());
    running.end_input();
    assert_eq!(manager.message(), "READY=1\n");
    running.signal("TERM");
    assert_eq!(manager.message(), "STOPPING=1\n");
    assert_eq!(running.finish().0, Some(7));
    assert!(!manager.has_message());
}

#[test]
fn all_workers_have_to_be_ready() {
    let manager = Manager::listen("ready_workers");
    let guest = program("ready_workers", GREETS);
    let mut command = manager.command();
    command.args(["--workers", "3", "--tcplisten", "127.0.0.1:0"]).arg(guest);
    let mut running = Running::spawn(&mut command);
    running.line();
    assert_eq!(manager.message(), "READY=1\n");
    let mut text = String::new();
    running.connect().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    running.signal("TERM");
    assert_eq!(manager.message(), "STOPPING=1\n");
    running.finish();
    assert!(!manager.has_message());
}

#[test]
fn a_program_that_never_waits_is_never_ready() {
    let manager = Manager::listen("never_ready");
    let guest = program("never_ready", "(func $main)");
    assert_eq!(Running::spawn(manager.command().arg(guest)).finish().0, Some(0));
    assert!(!manager.has_message());
}

#[test]
fn a_manager_that_is_gone_ends_no_program() {
    let manager = Manager::listen("gone");
    fs::remove_file(&manager.path).unwrap();
    let guest = program("gone", GREETS);
    let mut running = Running::spawn(manager.command().args(["--tcplisten", "127.0.0.1:0"]).arg(guest));
    running.line();
    let mut text = String::new();
    running.connect().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    running.signal("TERM");
    running.finish();
}

#[test]
fn guests_do_not_get_the_manager() {
    let manager = Manager::listen("environment");
    let guest = compile("environment.rs", &folder("environment"));
    let (code, output) = Running::spawn(manager.command().args(["--env", "A=b"]).arg(guest)).finish();
    assert_eq!((code, output.as_str()), (Some(0), "A=b\n"));
}

/// A program of the package systemd. Where it is missing, nothing is tested, which CI doesn't accept.
fn systemd(program: &str) -> Option<Command> {
    if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok() {
        return Some(Command::new(program));
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing: install the package systemd");
    eprintln!("SKIPPED, {program} is not installed");
    None
}

#[test]
fn systemd_passes_its_socket_and_hears_that_the_program_is_ready() {
    let Some(mut activate) = systemd("systemd-socket-activate") else { return };
    let manager = Manager::listen("activated");
    let guest = program("activated", GREETS);
    let path = guest.with_file_name("socket");
    activate.arg("--listen").arg(&path).arg(format!("--setenv=NOTIFY_SOCKET={}", manager.path.display()));
    activate.arg(SELECTIO).args(["run", "--listenfd"]).arg(guest).stdin(Stdio::null());
    let mut running = Running::spawn(&mut activate);
    assert!(running.line().starts_with("Listening on "));
    // It starts the program when the first client comes.
    let mut client = UnixStream::connect(&path).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert_eq!(manager.message(), "READY=1\n");
    running.signal("TERM");
    assert_eq!(manager.message(), "STOPPING=1\n");
    assert_eq!(running.finish().0, Some(143));
}

/// The units of this project, with the command of this build.
fn units(folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    for name in ["selectio@.service", "selectio@.socket"] {
        let text = fs::read_to_string(source.join(name)).unwrap();
        fs::write(folder.join(name), text.replace("/usr/local/bin/selectio", SELECTIO)).unwrap();
    }
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let Some(mut analyze) = systemd("systemd-analyze") else { return };
    let folder = folder("units");
    units(&folder);
    analyze.arg("verify").args(["selectio@echo.service", "selectio@echo.socket"].map(|name| folder.join(name)));
    let output = analyze.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display())).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}
