//! Sockets passed by a supervisor: the same start-up code finds them as it does on WebAssembly.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use selectio::AsyncSocket;
use selectio_driver::{World, program};

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

/// The variable that says what the program of [`program_with_named_listeners`] is to do.
const REQUESTED: &str = "SELECTIO_TEST_LISTENERS";

/// What the program below prints in front of its results.
const RESULT: &str = "=> ";

/// Asks for the listeners that the test wants, each by its own call, and says what it gets.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn program_with_named_listeners() {
    let requested = std::env::var(REQUESTED).expect("the test says what it wants");
    // They are kept, so that none is closed and made anew.
    let mut listeners = Vec::new();
    for name in requested.split(' ') {
        match AsyncSocket::listener(name) {
            Ok(listener) => {
                println!("{RESULT}{}", listener.local_addr().expect("it is bound"));
                listeners.push(listener);
            }
            Err(error) => println!("{RESULT}{:?}: {error}", error.kind()),
        }
    }
}

/// What a program gets for these requests that has been passed two listeners with the names in `names`.
fn results(listeners: &[TcpListener; 2], names: &str, requested: &str) -> Vec<String> {
    let passed = |listener: &TcpListener| OwnedFd::from(listener.try_clone().expect("a listener"));
    // They arrive as 0 and 1, so its output has to go elsewhere.
    let variables = format!("LISTEN_FDS=2 LISTEN_FDNAMES={names} LISTEN_PID=$$");
    let script = format!("exec 3<&0 4<&1 </dev/null >&2; {variables} exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(std::env::current_exe().expect("the path of this test"));
    shell.args(["--exact", "activation::program_with_named_listeners", "--ignored", "--nocapture"]);
    shell.env(REQUESTED, requested).stdin(passed(&listeners[0])).stdout(passed(&listeners[1]));
    let output = shell.output().expect("this test can be started again");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| Some(line.split_once(RESULT)?.1.to_owned())).collect()
}

/// Two listeners, and what they are bound to.
fn two_listeners() -> ([TcpListener; 2], [String; 2]) {
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").expect("a loopback listener"));
    let addresses = [0, 1].map(|index: usize| listeners[index].local_addr().expect("it is bound").to_string());
    (listeners, addresses)
}

#[test]
fn a_name_that_no_passed_listener_has_is_refused_with_the_names_that_there_are() {
    let (listeners, addresses) = two_listeners();
    let results = results(&listeners, "admin:web", "wbe web admin");
    assert!(results[0].starts_with("NotFound: listener(\"wbe\"): "), "{results:?}");
    assert!(results[0].contains("\"admin\", \"web\""), "{results:?}");
    assert_eq!(results[1..], [addresses[1].clone(), addresses[0].clone()]);
}

#[test]
fn only_an_address_means_a_passed_listener_without_a_name() {
    let (listeners, addresses) = two_listeners();
    let results = results(&listeners, "web:unknown", "wbe 127.0.0.1:0 web");
    assert!(results[0].starts_with("NotFound: ") && results[0].contains("one without a name"), "{results:?}");
    assert_eq!(results[1..], [addresses[1].clone(), addresses[0].clone()]);
}

#[test]
fn an_address_means_none_of_several_passed_listeners_with_names() {
    let (listeners, addresses) = two_listeners();
    let results = results(&listeners, "admin:web", "127.0.0.1:0 web 127.0.0.1:0");
    assert!(!addresses.contains(&results[0]), "it makes its own: {results:?}");
    assert_eq!(results[1..], [addresses[1].clone(), addresses[0].clone()], "the only one left is meant");
}

#[test]
fn a_listener_that_was_passed_to_another_process_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let address = listener.local_addr().expect("it is bound");
    let echo = echo_with(&listener, "1");
    assert!(!echo.first_line.ends_with(&format!("{address}\n")), "{}", echo.first_line);
}
