//! Sockets passed by a supervisor: the same start-up code finds them as it does on WebAssembly.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use selectio_driver::program::{self, World};

use crate::connect;

struct Echo {
    child: Child,
    first_line: String,
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts echo with `listener` as its descriptor 3. `pid` is what LISTEN_PID says: `$$` is its own.
fn echo_with(listener: &TcpListener, pid: &str) -> Echo {
    let echo = program::command("echo", World::Native, "127.0.0.1:0").expect("it builds");
    let passed = OwnedFd::from(listener.try_clone().expect("a listener"));
    let variables = format!("LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID={pid}");
    let script = format!("exec 3<&0 </dev/null; {variables} exec \"$0\" 127.0.0.1:0");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(echo.get_program()).stdin(passed).stdout(Stdio::piped());
    let mut child = shell.spawn().expect("there is a shell");
    let mut first_line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut first_line).expect("it says where it listens");
    Echo { child, first_line }
}

#[test]
fn a_listener_that_a_supervisor_passed_is_used_instead_of_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let address = listener.local_addr().expect("it is bound");
    let echo = echo_with(&listener, "$$");
    assert_eq!(echo.first_line, format!("echo: listening on {address}\n"));
    let mut client = connect(address);
    client.write_all(b"hello\n").expect("it is connected");
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).expect("it answers");
    assert_eq!(answer, "hello\n");
}

#[test]
fn a_listener_that_was_passed_to_another_process_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let address = listener.local_addr().expect("it is bound");
    let echo = echo_with(&listener, "1");
    assert!(!echo.first_line.ends_with(&format!("{address}\n")), "{}", echo.first_line);
}
