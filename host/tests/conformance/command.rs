//! The command `selectio run`, from outside.

use crate::descriptors::folder;
use crate::guest::module;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

pub const SELECTIO: &str = env!("CARGO_BIN_EXE_selectio");

/// Echoes what standard input and accepted connections send, waiting for all of
/// them together; ends when standard input ends, with exit code 5.
const ECHO: &str = r"
    (func $main (local $i i32) (local $count i32) (local $fd i32)
      (call $on_read (i32.const 0) (i32.const 0))
      (call $on_read (i32.const 1) (i32.const 3))
      (local.set $count (i32.const 2))
      (loop $again
        (drop (call $poll (local.get $count)))
        (local.set $i (i32.const 0))
        (loop $next
          (block $done
            (if (i32.eq (call $for (local.get $i)) (i32.const 1))
              (then
                (br_if $done (call $accept (i32.const 4)))
                (call $on_read (local.get $count) (call $accepted))
                (local.set $count (i32.add (local.get $count) (i32.const 1)))
                (br $done)))
            (local.set $fd (i32.load offset=16
              (i32.add (i32.const 65536) (i32.mul (call $for (local.get $i)) (i32.const 48)))))
            (call $buffer (i32.const 1024) (i32.const 4096))
            (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i32.eqz (i32.or (local.get $fd) (call $count))) (then (call $proc_exit (i32.const 5))))
            (call $buffer (i32.const 1024) (call $count))
            (drop (call $fd_write (select (local.get $fd) (i32.const 1) (local.get $fd))
              (i32.const 0) (i32.const 1) (i32.const 8))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (call $events))))
        (br $again)))";

/// A guest in a file of its own.
pub fn program(name: &str, text: &str) -> PathBuf {
    let path = folder(name).join("guest.wasm");
    fs::write(&path, module(text)).unwrap();
    path
}

/// The command with a guest that runs until something ends it.
pub struct Running {
    child: Child,
    errors: BufReader<ChildStderr>,
    last_line: String,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Running {
        Running::start_with("--default-signal=HUP,INT,TERM,QUIT,ALRM,XCPU", arguments)
    }

    /// As with a parent that ignores these signals.
    pub fn start_ignoring(signals: &str, arguments: &[&str]) -> Running {
        Running::start_with(&format!("--ignore-signal={signals}"), arguments)
    }

    /// What this test is started with would be inherited: a shell lets what runs in the background ignore Ctrl-C.
    fn start_with(signals: &str, arguments: &[&str]) -> Running {
        let mut command = Command::new("env");
        Running::spawn(command.args([signals, SELECTIO, "run"]).args(arguments).stdin(Stdio::piped()))
    }

    /// With a listener of the service manager, named web. The shell plays that part: it puts the listener under number 3
    /// and says whose it is.
    pub fn activate(listener: TcpListener, arguments: &[&str]) -> Running {
        let script = r#"LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=web exec "$0" run --listenfd "$@" 3<&0 0</dev/null"#;
        let mut command = Command::new("sh");
        Running::spawn(command.args(["-c", script, SELECTIO]).args(arguments).stdin(OwnedFd::from(listener)))
    }

    /// Starts a command line of the caller's own.
    pub fn spawn(command: &mut Command) -> Running {
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Running { child, errors, last_line: String::new() }
    }

    /// The next line that the host prints.
    pub fn line(&mut self) -> &str {
        self.last_line.clear();
        self.errors.read_line(&mut self.last_line).unwrap();
        &self.last_line
    }

    /// All lines that the host prints until its end.
    pub fn remaining_lines(&mut self) -> String {
        let mut lines = String::new();
        self.errors.read_to_string(&mut lines).unwrap();
        lines
    }

    /// Waits until the guest has printed its first byte.
    pub fn wait_for_a_byte(&mut self) {
        self.child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    }

    /// The address in the last line.
    pub fn address(&self) -> String {
        let words = self.last_line.split_whitespace();
        words.skip_while(|word| *word != "on").nth(1).unwrap().to_owned()
    }

    /// Connects to it.
    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).unwrap()
    }

    /// Ends the guest's standard input.
    pub fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).stderr(Stdio::null()).status();
        // It fails for one that has ended.
        assert!(status.unwrap().success() || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What the guest prints, to be read by the caller.
    pub fn take_output(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Waits for the end, and leaves the guest's standard input open until then: its end would be one more reason for the
    /// guest to end.
    pub fn code(&mut self) -> Option<i32> {
        let _input = self.child.stdin.take();
        self.child.wait().unwrap().code()
    }

    /// Waits for the end: the exit code and what the guest has printed.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let mut output = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        (self.child.wait().unwrap().code(), output)
    }
}

/// A guest of nothing but this text, in a file of its own.
pub fn text_file(name: &str, text: &str) -> String {
    let path = folder(name).join("guest.wat");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs to the end: exit code, standard output, standard error.
pub fn outcome(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = output(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Also where a check fails before its end.
impl Drop for Running {
    fn drop(&mut self) {
        // It fails for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(arguments: &[&str]) -> Output {
    Command::new(SELECTIO).args(arguments).output().unwrap()
}

/// Runs to a failure: its exit code, and its one line.
pub fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = output(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for wrong in [
        &["run"][..],
        &["walk"],
        &["run", "--nonsense", "app.wasm"],
        &["run", "--timeout", "soon", "app.wasm"],
        &["run", "--grace", "-1", "app.wasm"],
        &["run", "--max-memory", "1T", "app.wasm"],
        &["run", "-S", "threads", "app.wasm"],
    ] {
        assert_eq!(failure(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn what_cannot_be_had_is_one_line_and_exit_code_1() {
    let guest = program("cannot_be_had", "(func $main)");
    let guest = guest.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str); 8] = [
        (&["/nowhere.wasm"], "can't read /nowhere.wasm"),
        (&["--tcplisten", "here", guest], "write HOST:PORT"),
        (&["--tcplisten", &taken, guest], "port 0 for any free one"),
        (&["--tcplisten", "a:b=127.0.0.1:0", guest], "without a colon"),
        (&["--tcpconnect", "127.0.0.1:1", guest], "start what shall listen"),
        (&["--unixlisten", "/nowhere/at/all", guest], "a listener on \"/nowhere/at/all\": "),
        (&["--dir", "/nowhere", guest], "the directory /nowhere"),
        (&["--listenfd", guest], "LISTEN_PID is not set"),
    ];
    for (arguments, part) in cases {
        let (code, text) = failure(&[&["run"], arguments].concat());
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with("selectio: ") && text.contains(part), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn standard_input_and_sockets_are_waited_for_together() {
    let guest = program("stdin_and_sockets", ECHO);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let shared = reader.try_clone().unwrap();
    let mut command = Command::new(SELECTIO);
    let listen = ["run", "--tcplisten", "web=127.0.0.1:0"];
    let mut running = Running::spawn(command.args(listen).arg(guest).stdin(reader));
    drop(command);
    assert!(running.line().ends_with(" (fd 3, web)\n"));
    let (mut one, mut other) = (running.connect(), running.connect());
    for stream in [&mut one, &mut other] {
        stream.write_all(b"over a socket").unwrap();
        let mut answer = [0; 13];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"over a socket");
    }
    writer.write_all(b"over standard input").unwrap();
    drop(writer);
    assert_eq!(running.finish(), (Some(5), "over standard input".to_owned()));
    // The pipe is as blocking as it was.
    let about = format!("/proc/self/fdinfo/{}", shared.as_raw_fd());
    let about = fs::read_to_string(about).unwrap();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
    assert_eq!(flags & libc::O_NONBLOCK as u32, 0);
}

#[test]
fn standard_input_may_be_a_file() {
    let guest = program("stdin_file", ECHO);
    let text = guest.with_file_name("text");
    fs::write(&text, "from a file").unwrap();
    let mut command = Command::new(SELECTIO);
    command.args(["run", "-S", "preview2=n,tcplisten=127.0.0.1:0"]).arg(guest);
    command.stdin(fs::File::open(text).unwrap());
    assert_eq!(Running::spawn(&mut command).finish(), (Some(5), "from a file".to_owned()));
}

#[test]
fn signals_end_a_guest_that_waits_for_no_requests_at_any_time() {
    let spinning = program("spinning", "(func $main (loop $again (br $again)))");
    let waiting = program("waiting", ECHO);
    for (guest, signal, code) in [
        (&spinning, "INT", 130),
        (&spinning, "TERM", 143),
        (&waiting, "INT", 130),
        (&waiting, "HUP", 129),
        (&waiting, "QUIT", 131),
        (&spinning, "ALRM", 142),
        (&waiting, "XCPU", 152),
    ] {
        let path = guest.with_file_name("socket");
        let socket = path.to_str().unwrap();
        let mut running = Running::start(&["--unixlisten", socket, guest.to_str().unwrap()]);
        running.line();
        running.signal(signal);
        assert_eq!(running.finish().0, Some(code));
        assert!(!path.exists());
    }
}

#[test]
fn a_unix_listener_serves_and_its_file_goes_away() {
    let guest = program("unix_listener", ECHO);
    let path = guest.with_file_name("socket");
    // What a listener that is gone has left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut command = Command::new(SELECTIO);
    let named = format!("web={}", path.display());
    command.args(["run", "--unixlisten", &named]).arg(guest).stdin(Stdio::piped());
    let mut running = Running::spawn(&mut command);
    let expected = format!("selectio: listening on {} (fd 3, web)\n", path.display());
    assert_eq!(running.line(), expected);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    running.end_input();
    assert_eq!(running.finish().0, Some(5));
    assert!(!path.exists());
}

#[test]
fn an_outgoing_connection_is_given() {
    let guest = program(
        "outgoing",
        "(func $main (drop (call $receive (i32.const 3) (i32.const 5) (i32.const 2)))
                     (drop (call $send (i32.const 3) (call $count))))",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut running = Running::start(&["--tcpconnect", &address, guest.to_str().unwrap()]);
    let (mut peer, _) = listener.accept().unwrap();
    assert_eq!(running.line(), format!("selectio: connected to {address} (fd 3)\n"));
    peer.write_all(b"hello").unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(running.finish().0, Some(0));
}

#[test]
fn inherited_sockets_are_given() {
    let guest = program(
        "inherited",
        "(func $main (drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
                     (drop (call $accept (i32.const 0)))
                     (drop (call $receive (i32.const 4) (i32.const 5) (i32.const 2)))
                     (drop (call $send (i32.const 4) (call $count))))",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = Running::activate(listener, &[guest.to_str().unwrap()]);
    assert_eq!(running.line(), format!("selectio: listening on {address} (fd 3, web)\n"));
    let mut stream = running.connect();
    stream.write_all(b"hello").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(running.finish().0, Some(0));
}
