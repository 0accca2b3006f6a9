//! The time limit ends a guest in the middle of every call, also of one that nothing interrupts.
//!
//! A guest that is not ended would wait for ever, so each of these is waited for no longer than [`PATIENCE`].

use crate::descriptors::folder;
use crate::guest::{PATIENCE, host, main_function, module, run};
use selectio_host::{Error, Host, HostBuilder, Preopen};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The limit of a guest that nothing else would end.
const SOON: Duration = Duration::from_millis(100);

/// The same, for the command.
const SOON_MS: &str = "100ms";

fn is_ended(builder: HostBuilder) {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || drop(sender.send(run(builder.timeout(SOON)))));
    let result = ended.recv_timeout(PATIENCE).expect("the guest is not ended");
    assert!(matches!(result, Err(Error::TimeLimit { limit: SOON })), "{result:?}");
}

/// A connection for the guest, as descriptor 3, and the peer's end.
fn connection() -> (Preopen, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (Preopen::try_from(listener.accept().unwrap().0).unwrap(), peer)
}

/// A named pipe in a folder of its own.
fn pipe(name: &str) -> PathBuf {
    let path = folder(name).join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Opens `pipe` in directory 3 with these rights, and goes on with `rest`.
fn opens_pipe(rights: u32, rest: &str) -> String {
    format!(
        "(i32.store (i32.const 128) (i32.const 0x65706970))
         (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 4)
           (i32.const 0) (i64.const {rights}) (i64.const 0) (i32.const {APPEND}) (i32.const 12)))
         {rest}"
    )
}

const RIGHT_READ: u32 = 2;
const RIGHT_WRITE: u32 = 64;

/// Without it files are written to at an offset, which the kernel refuses for pipes.
const APPEND: u32 = 1;

fn with_folder_of(pipe: &Path, body: &str) -> HostBuilder {
    host(body).directory(pipe.parent().unwrap(), "/")
}

#[test]
fn in_a_start_section() {
    let bytes =
        wat::parse_str(r#"(module (func $first (loop $again (br $again))) (start $first) (func (export "_start")))"#);
    is_ended(Host::builder().module_bytes("guest.wasm", bytes.unwrap()));
}

#[test]
fn in_a_recursion_and_in_catching_traps_of_it() {
    // Each level calls itself 30 times, so the stack stays flat and the end is out of sight.
    is_ended(Host::builder().module_bytes(
        "guest.wasm",
        module(
            "(func $deep (param i32) (local $i i32)
               (if (i32.eqz (local.get 0)) (then (return)))
               (loop $again
                 (call $deep (i32.sub (local.get 0) (i32.const 1)))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $again (i32.lt_u (local.get $i) (i32.const 30)))))
             (func $main (call $deep (i32.const 30)))",
        ),
    ));
}

#[test]
fn in_a_receive_that_waits() {
    for flags in [0, 1, 2] {
        let (given, mut peer) = connection();
        // Less than is wanted by who waits for all.
        peer.write_all(&[0; 5][..if flags == 2 { 5 } else { 0 }]).unwrap();
        is_ended(
            host(&format!("(drop (call $receive (i32.const 3) (i32.const 10) (i32.const {flags})))")).preopen(given),
        );
    }
    let (given, _peer) = connection();
    is_ended(host("(drop (call $fd_read (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))").preopen(given));
}

#[test]
fn in_a_send_that_waits() {
    for call in [
        "sock_send (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0)",
        "fd_write (i32.const 3) (i32.const 0) (i32.const 1)",
    ] {
        let (given, _peer) = connection();
        is_ended(
            host(&format!(
                "(drop (memory.grow (i32.const 1000)))
                 (call $buffer (i32.const 1024) (i32.const 60000000))
                 (drop (call ${call} (i32.const 8)))"
            ))
            .preopen(given),
        );
    }
}

#[test]
fn in_an_accept_that_waits() {
    let listener = Preopen::tcp_listener("127.0.0.1:0").unwrap();
    is_ended(
        host(
            "(drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
             (drop (call $accept (i32.const 0)))",
        )
        .preopen(listener),
    );
}

#[test]
fn in_a_poll() {
    let (given, _peer) = connection();
    is_ended(host("(call $on_read (i32.const 0) (i32.const 3)) (drop (call $poll (i32.const 1)))").preopen(given));
    // Until the end of time, by either clock.
    for clock in [0, 1] {
        is_ended(host(&format!(
            "(call $on_clock (i32.const 0) (i32.const {clock}) (i64.const -1) (i32.const 1)) (drop (call $poll (i32.const 1)))"
        )));
    }
    // A poll that finds something at once, again and again.
    is_ended(host(
        "(loop $again (call $after (i32.const 0) (i64.const 0)) (drop (call $poll (i32.const 1))) (br $again))",
    ));
}

#[test]
fn in_opening_a_named_pipe() {
    for (name, rights) in [("opens_to_read", RIGHT_READ), ("opens_to_write", RIGHT_WRITE)] {
        let pipe = pipe(name);
        is_ended(with_folder_of(&pipe, &opens_pipe(rights, "")));
        // Lets the call return that was left behind.
        let options =
            |read: bool| OpenOptions::new().read(read).write(!read).custom_flags(libc::O_NONBLOCK).open(&pipe);
        drop((options(true), options(false)));
    }
}

#[test]
fn in_reading_and_writing_a_named_pipe() {
    let (to_read, to_write) = (pipe("reads_a_pipe"), pipe("writes_a_pipe"));
    let both_ends = |pipe: &Path| OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    let ends = [both_ends(&to_read), both_ends(&to_write)];
    let read = "(call $buffer (i32.const 1024) (i32.const 10))
                (loop $again
                  (drop (call $fd_read (call $accepted) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))";
    is_ended(with_folder_of(&to_read, &opens_pipe(RIGHT_READ, read)));
    let write = "(call $buffer (i32.const 1024) (i32.const 60000))
                 (loop $again
                   (drop (call $fd_write (call $accepted) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))";
    is_ended(with_folder_of(&to_write, &opens_pipe(RIGHT_WRITE, write)));
    drop(ends);
}

#[test]
fn in_listing_a_large_directory() {
    let folder = folder("large_directory");
    for number in 0..2000 {
        File::create(folder.join(format!("a file with a name of some length, number {number}"))).unwrap();
    }
    let body = "(loop $again
        (call $is (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 100000) (i64.const 0) (i32.const 8)) (i32.const 0))
        (br $again))";
    is_ended(host(body).directory(folder, "/"));
}

/// The command with a guest whose `$main` is `body`.
fn command(name: &str, body: &str) -> Vec<String> {
    let guest = folder(name).join("guest.wasm");
    fs::write(&guest, module(&main_function(body))).unwrap();
    [env!("CARGO_BIN_EXE_selectio"), "run", "--timeout", SOON_MS, guest.to_str().unwrap()].map(str::to_owned).into()
}

/// Waits for the end, which standard input or output must not bring.
fn command_is_ended(mut command: Command) {
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    let streams = (child.stdin.take(), child.stdout.take());
    thread::spawn(move || drop(sender.send(child.wait())));
    let status = ended.recv_timeout(PATIENCE);
    drop(streams);
    let Ok(status) = status else { panic!("process {pid} is not ended") };
    assert_eq!(status.unwrap().code(), Some(124));
}

const READS_INPUT: &str = "(call $buffer (i32.const 1024) (i32.const 10))
    (loop $again
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))";

#[test]
fn in_reading_standard_input() {
    let line = command("reads_input", READS_INPUT);
    let mut piped = Command::new(&line[0]);
    piped.args(&line[1..]).stdin(Stdio::piped()).stderr(Stdio::null());
    command_is_ended(piped);
    // `script` gives it a terminal, on which nobody types.
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line.join(" "), "/dev/null"]);
    terminal.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command_is_ended(terminal);
}

#[test]
fn in_writing_to_a_pipe_that_nobody_reads() {
    for (name, length) in [("writes_much", 200_000), ("writes_little", 10)] {
        let line = command(
            name,
            &format!(
                "(call $buffer (i32.const 1024) (i32.const {length}))
                 (loop $again
                   (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))"
            ),
        );
        let mut piped = Command::new(&line[0]);
        piped.args(&line[1..]).stdout(Stdio::piped()).stderr(Stdio::null());
        command_is_ended(piped);
    }
}

/// One call, with and without a time limit.
#[test]
fn a_limit_does_not_make_writes_shorter() {
    let folder = folder("whole_writes");
    let guest = folder.join("guest.wasm");
    let body = "(drop (memory.grow (i32.const 20)))
        (memory.fill (i32.const 1024) (i32.const 120) (i32.const 1000000))
        (call $buffer (i32.const 1024) (i32.const 1000000))
        (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
        (call $is (i32.eq (call $count) (i32.const 1000000)) (i32.const 1))";
    fs::write(&guest, module(&main_function(body))).unwrap();
    let guest = guest.to_str().unwrap();
    for limit in [&[][..], &["--timeout", "60"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selectio"));
        let output = command.arg("run").args(limit).arg(guest).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 1_000_000, 0));

        let file = folder.join("output");
        let mut command = Command::new(env!("CARGO_BIN_EXE_selectio"));
        let status = command.arg("run").args(limit).arg(guest).stdout(File::create(&file).unwrap()).status();
        assert_eq!(status.unwrap().code(), Some(0));
        assert_eq!(fs::metadata(file).unwrap().len(), 1_000_000);
    }
}
