//! What an echo costs, as the kernel sees it: system calls are counted by `strace`, where there is one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use selectio_driver::process::{Process, Stream};
use selectio_driver::{World, program};

use crate::connect;

const LIMIT: Duration = Duration::from_secs(20);

/// The echo example, with a file into which its system calls are written, one a line.
struct Traced {
    process: Process,
    client: BufReader<TcpStream>,
    file: PathBuf,
}

impl Drop for Traced {
    fn drop(&mut self) {
        // Its tracer ends with it, which does not end with its tracer.
        let _ = self.process.interrupt();
        let _ = self.process.wait(LIMIT);
        let _ = fs::remove_file(&self.file);
    }
}

/// `None` where no program may be traced.
fn traced(backend: &str) -> Option<Traced> {
    let echo = program::command("echo", World::Native, "127.0.0.1:0").expect("it builds");
    let file = std::env::temp_dir().join(format!("selectio-{}-calls-{backend}", std::process::id()));
    // As a grandchild, the tracer leaves the program its place, and its signals.
    let mut strace = Command::new("strace");
    strace.args(["-D", "-qq", "-o"]).arg(&file).arg(echo.get_program()).args(echo.get_args());
    strace.env("SELECTIO_BACKEND", backend);
    let process = Process::start(strace).ok()?;
    let announced = process.wait_for(Stream::Stdout, LIMIT, |text| program::announced(text).next());
    let address = match announced {
        Ok(address) => address,
        Err(error) if error.to_string().contains("strace") => return None,
        Err(error) => panic!("it says where it listens: {error}"),
    };
    Some(Traced { process, client: BufReader::new(connect(address)), file })
}

impl Traced {
    /// Sends these lines at once, and waits until they have come back.
    fn echo(&mut self, lines: &str) {
        self.client.get_mut().write_all(lines.as_bytes()).expect("it is connected");
        let mut answer = String::new();
        while answer.len() < lines.len() {
            assert_ne!(self.client.read_line(&mut answer).expect("it answers"), 0, "it ends");
        }
        assert_eq!(answer, lines);
    }

    /// The names of the system calls after the one that has sent the first line, up to the one that has sent the last.
    fn calls_between(&self, first: &str, last: &str) -> Vec<String> {
        let is_send = |call: &&str, line: &str| call.starts_with("send") && call.contains(line);
        let deadline = Instant::now() + LIMIT;
        loop {
            let trace = fs::read_to_string(&self.file).expect("a trace");
            let calls = || trace.lines();
            let start = calls().position(|call| is_send(&call, first));
            let end = calls().position(|call| is_send(&call, last));
            if let (Some(start), Some(end)) = (start, end) {
                let between = calls().skip(start + 1).take(end - start);
                return between.map(|call| call.split('(').next().unwrap_or_default().to_owned()).collect();
            }
            assert!(Instant::now() < deadline, "the trace lacks what was sent: {trace}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether it is one wait, one receive and one send, in this order.
fn is_one_echo(calls: &[String]) -> bool {
    let is = |index: usize, names: &[&str]| names.iter().any(|name| calls[index].starts_with(name));
    calls.len() == 3 && is(0, &["epoll_", "select", "pselect", "_newselect"]) && is(1, &["recv"]) && is(2, &["send"])
}

#[test]
fn an_echo_is_three_system_calls_for_one_line_and_for_a_hundred_that_arrive_at_once() {
    for backend in ["epoll", "select"] {
        let Some(mut echo) = traced(backend) else {
            eprintln!("not counted: there is no strace, or it may not trace");
            return;
        };
        // By the second line everything has its place.
        for index in 0..10 {
            echo.echo(&format!("single {index}\n"));
        }
        // strace shows the first 32 bytes of what is sent.
        echo.echo(&format!("pipelined\n{}", "and more\n".repeat(100)));
        for index in 1..9 {
            let calls = echo.calls_between(&format!("single {index}"), &format!("single {}", index + 1));
            assert!(is_one_echo(&calls), "{backend}: {calls:?}");
        }
        let calls = echo.calls_between("single 9", "pipelined");
        assert!(is_one_echo(&calls), "{backend}: {calls:?}");
    }
}
