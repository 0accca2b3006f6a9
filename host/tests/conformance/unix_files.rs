//! The files of Unix listeners: removed with the listener, whatever ends the host, and only when they are its own.

use crate::command::{Running, program};
use crate::descriptors::folder;
use crate::guest::{host, run, verdict};
use selectio_host::Preopen;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SPINS: &str = "(func $main (loop $again (br $again)))";

/// The command, ended with exit code 137 if it hangs.
fn run_in_time(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    let output =
        command.args(["--signal=KILL", "60", env!("CARGO_BIN_EXE_selectio"), "run"]).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Starts the command with a listener on `socket`, and waits until it listens.
fn started(socket: &Path, guest: &Path) -> Running {
    let mut running = Running::start(&["--unixlisten", socket.to_str().unwrap(), guest.to_str().unwrap()]);
    assert!(running.line().contains("listening on"));
    running
}

#[test]
fn what_has_taken_the_place_of_a_file_stays() {
    let socket = folder("taken_place").join("socket");
    type Replacement = fn(&Path);
    let replacements: [Replacement; 4] = [
        |path| fs::write(path, "of somebody else").unwrap(),
        |path| drop(UnixListener::bind(path).unwrap()),
        |path| symlink("elsewhere", path).unwrap(),
        |path| fs::create_dir(path).unwrap(),
    ];
    for replace in replacements {
        let listener = Preopen::unix_listener(&socket).unwrap();
        fs::remove_file(&socket).unwrap();
        replace(&socket);
        // Closed by the guest, and once more at its end.
        verdict(run(host("(call $is (call $fd_close (i32.const 3)) (i32.const 0))").preopen(listener)));
        assert!(fs::symlink_metadata(&socket).is_ok());
        let _ = fs::remove_file(&socket);
    }
    fs::remove_dir(&socket).unwrap();
}

#[test]
fn the_file_of_a_second_host_on_the_same_path_stays() {
    let guest = program("second_host", SPINS);
    let socket = guest.with_file_name("socket");
    let first = started(&socket, &guest);
    fs::remove_file(&socket).unwrap();
    let second = started(&socket, &guest);
    first.signal("TERM");
    assert_eq!(first.finish().0, Some(143));
    UnixStream::connect(&socket).unwrap();
    second.signal("TERM");
    assert_eq!(second.finish().0, Some(143));
    assert!(!socket.exists());
}

#[test]
fn a_file_is_removed_when_the_guest_closes_the_listener_and_not_again_at_the_end() {
    let guest = program(
        "removed_once",
        "(func $main
           (drop (call $fd_close (i32.const 3)))
           (call $buffer (i32.const 1024) (i32.const 1))
           (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
           (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))",
    );
    let socket = guest.with_file_name("socket");
    let mut running = started(&socket, &guest);
    running.wait_for_a_byte();
    assert!(!socket.exists());
    // The kernel gives a new file the number of one that is gone.
    let others = UnixListener::bind(&socket).unwrap();
    running.signal("HUP");
    assert_eq!(running.finish().0, Some(129));
    assert!(socket.exists());
    drop(others);
}

#[test]
fn a_file_is_removed_whatever_ends_the_guest() {
    for (name, body, options, code) in [
        ("ends_itself", "(call $proc_exit (i32.const 7))", &[][..], 7),
        ("ends_with_a_trap", "(unreachable)", &[], 134),
        ("ends_out_of_time", "(loop $again (br $again))", &["--timeout", "50ms"], 124),
        ("ends_out_of_memory", "(drop (memory.grow (i32.const 100)))", &["--max-memory", "1M"], 134),
    ] {
        let guest = program(name, &format!("(func $main {body})"));
        let socket = guest.with_file_name("socket");
        let listen = ["--unixlisten", socket.to_str().unwrap(), guest.to_str().unwrap()];
        assert_eq!(run_in_time(&[options, &listen].concat()).0, Some(code), "{name}");
        assert!(!socket.exists(), "{name}");
    }
}

/// The thread that is left in the call still has the listener.
#[test]
fn a_file_is_removed_when_the_time_is_over_in_a_call_that_nothing_ends() {
    let guest = program(
        "ends_in_a_pipe",
        "(func $main
           (i32.store (i32.const 128) (i32.const 0x65706970))
           (drop (call $path_open (i32.const 4) (i32.const 0) (i32.const 128) (i32.const 4)
             (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 12))))",
    );
    let folder = guest.parent().unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let socket = folder.join("socket");
    let (socket_text, folder) = (socket.to_str().unwrap(), folder.to_str().unwrap());
    let arguments = ["--timeout", "50ms", "--unixlisten", socket_text, "--dir", folder, guest.to_str().unwrap()];
    assert_eq!(run_in_time(&arguments).0, Some(124));
    assert!(!socket.exists());
}

#[test]
fn a_file_is_removed_when_the_program_can_not_be_started() {
    let guest = program("not_started", SPINS);
    let socket = guest.with_file_name("socket");
    let listen = ["--unixlisten", socket.to_str().unwrap()];
    for rest in [
        &["/nowhere.wasm"][..],
        &["--dir", "/nowhere", guest.to_str().unwrap()],
        &["--unixlisten", "/nowhere/at/all", guest.to_str().unwrap()],
        &["--max-memory", "1", guest.to_str().unwrap()],
    ] {
        let (code, text) = run_in_time(&[&listen, rest].concat());
        assert!(matches!(code, Some(1 | 134)), "{code:?}: {text}");
        assert!(!socket.exists(), "{text}");
    }
}

/// A program of many functions, each with a number that no other program has, so that no cache knows it.
fn takes_long_to_compile(number: u128) -> String {
    let mut text = String::new();
    for function in 0..2000_u32 {
        write!(text, "(func (param i64) (result i64) (i64.const {})", number as u64 ^ u64::from(function)).unwrap();
        text.push_str(&"(i64.mul (i64.add (local.get 0)) (i64.const 3))".repeat(20));
        text.push(')');
    }
    text + SPINS
}

/// The signal comes when the file is there, and the program is probably still compiled.
#[test]
fn a_signal_before_the_program_runs_removes_the_file() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for (number, signal, code) in [(0, "HUP", 129), (1, "INT", 130), (2, "TERM", 143)] {
        let guest = program("ended_early", &takes_long_to_compile(now.as_nanos() ^ number << 40));
        let socket = guest.with_file_name("socket");
        let running = Running::start(&["--unixlisten", socket.to_str().unwrap(), guest.to_str().unwrap()]);
        while !socket.exists() {
            std::thread::yield_now();
        }
        running.signal(signal);
        assert_eq!(running.finish().0, Some(code), "{signal}");
        assert!(!socket.exists(), "{signal}");
    }
}

/// Nobody accepts there, and there is no room for one more who waits: connecting takes minutes.
#[test]
fn a_signal_while_the_host_connects_ends_it_and_removes_the_file() {
    let guest = program("ended_connecting", SPINS);
    let socket = guest.with_file_name("socket");
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.connect_timeout(&address, Duration::from_millis(200)).map(|()| socket)
    };
    let _waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
    let address = address.as_socket().unwrap().to_string();
    let socket_text = socket.to_str().unwrap();
    let running = Running::start(&["--unixlisten", socket_text, "--tcpconnect", &address, guest.to_str().unwrap()]);
    while !socket.exists() {
        std::thread::yield_now();
    }
    running.signal("INT");
    assert_eq!(running.finish().0, Some(130));
    assert!(!socket.exists());
}

#[test]
fn a_file_that_a_killed_host_has_left_behind_is_replaced() {
    let guest = program("killed", SPINS);
    let socket = guest.with_file_name("socket");
    let killed = started(&socket, &guest);
    killed.signal("KILL");
    assert_eq!(killed.finish().0, None);
    assert!(socket.exists());
    let next = started(&socket, &guest);
    UnixStream::connect(&socket).unwrap();
    next.signal("TERM");
    assert_eq!(next.finish().0, Some(143));
    assert!(!socket.exists());
}

#[test]
fn a_path_that_is_in_use_is_refused_and_left_as_it_is() {
    let guest = program("in_use", SPINS);
    let guest = guest.to_str().unwrap();
    let folder = Path::new(guest).parent().unwrap();
    let live = folder.join("live");
    let _live = UnixListener::bind(&live).unwrap();
    // As many connections as wait at all; the next one would have to wait itself.
    let full = folder.join("full");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&full).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&SockAddr::unix(&full).unwrap()).map(|()| socket)
    };
    let mut waiting = Vec::new();
    let refused = loop {
        match connect() {
            Ok(socket) => waiting.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let file = folder.join("file");
    fs::write(&file, "content").unwrap();
    let directory = folder.join("directory");
    fs::create_dir(&directory).unwrap();
    for path in [live, full, file, directory] {
        let (code, text) = run_in_time(&["--unixlisten", path.to_str().unwrap(), guest]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("choose another path") && !text.contains("port"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(path.exists());
    }
}
