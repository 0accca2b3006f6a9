//! A guest that serves clients under the command, seen from outside; mostly the library's echo example, a guest as
//! people write them.

use crate::command::SELECTIO;
use crate::metrics::value;
use selectio_driver::cargo;
use selectio_driver::process::{Process, Stream};
use selectio_driver::program::announced;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// No answer takes a tenth of it; it bounds one that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// For a minute and a half at most.
const LISTEN: [&str; 4] = ["--timeout", "90", "--tcplisten", "127.0.0.1:0"];

/// The last line of a report.
const REPORT_END: &str = "# EOF\n";

const LINE: &[u8] = b"a line\n";

/// The command with a guest; killed in the end.
pub struct Served {
    process: Process,
    workers: usize,
    reports: usize,
    pub address: SocketAddr,
    pub pid: u32,
}

impl Served {
    /// The echo example with one worker.
    pub fn start(options: &[&str]) -> Served {
        Served::start_with_workers(1, options)
    }

    /// The echo example.
    pub fn start_with_workers(workers: usize, options: &[&str]) -> Served {
        Served::start_module(echo_module(), workers, options)
    }

    /// A module that prints a line when it starts.
    pub fn start_module(module: &Path, workers: usize, options: &[&str]) -> Served {
        let mut command = Command::new(SELECTIO);
        command.arg("run").args(LISTEN).args(["--workers", &workers.to_string()]).args(options).arg(module);
        Served::started(command, workers)
    }

    /// The echo example in a process that may have so many descriptors.
    pub fn start_with_descriptors(count: usize) -> Served {
        let script = format!(r#"ulimit -n {count}; exec "$0" run "$@""#);
        let mut command = Command::new("sh");
        command.args(["-c", &script, SELECTIO]).args(LISTEN).arg(echo_module());
        Served::started(command, 1)
    }

    /// Returns when each worker's program has printed a line.
    fn started(command: Command, workers: usize) -> Served {
        let process = Process::start(command).unwrap();
        let address = process.wait_for(Stream::Stderr, PATIENCE, |text| announced(text).next()).unwrap();
        let listens = |text: &str| (text.lines().count() == workers).then_some(());
        process.wait_for(Stream::Stdout, PATIENCE, listens).unwrap();
        let pid = process.id();
        Served { process, workers, reports: 0, address, pid }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name).unwrap();
    }

    /// What a metric comes to in all workers together.
    pub fn total(&mut self, metric: &str) -> u64 {
        self.of_each(metric).into_iter().sum()
    }

    /// What a metric of each worker says.
    pub fn of_each(&mut self, metric: &str) -> Vec<u64> {
        let report = self.report();
        let of = |worker| value(&report, &format!("{metric}{{worker=\"{worker}\"}}")) as u64;
        (0..self.workers).map(of).collect()
    }

    /// The numbers of now.
    fn report(&mut self) -> String {
        self.signal("USR1");
        self.reports += 1;
        let is_there = |text: &str| (text.matches(REPORT_END).count() == self.reports).then(|| text.to_owned());
        let text = self.process.wait_for(Stream::Stderr, PATIENCE, is_there).unwrap();
        let others = text.rmatch_indices(REPORT_END).nth(1).map_or(0, |(at, _)| at);
        text[others..].to_owned()
    }

    /// The lines on standard error that have this text in them.
    pub fn told(&self, text: &str) -> usize {
        self.process.output(Stream::Stderr).lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until no connections are open but so many.
    pub fn wait_for_open(&mut self, count: u64) {
        crate::observed::wait_until("connections are closed", || {
            (self.total("selectio_connections_open") == count).then_some(())
        });
    }
}

/// Sends a line.
pub fn send(mut stream: &TcpStream) {
    stream.write_all(LINE).unwrap();
}

/// Waits for a line that was sent.
pub fn receive(mut stream: &TcpStream) {
    let mut answer = [0; LINE.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, LINE);
}

pub fn echo(stream: &TcpStream) {
    send(stream);
    receive(stream);
}

/// Nothing has come, neither an answer nor the end.
pub fn waits(client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let nothing = client.peek(&mut [0]);
    client.set_nonblocking(false).unwrap();
    nothing.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Built once, with optimizations: a command that was built for tests takes long to compile anything else.
fn echo_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let what = ["build", "--release", "--package", "selectio", "--example", "echo"];
        let arguments = [&what[..], &["--target", cargo::WASIP1_TARGET]].concat();
        cargo::build("the example echo", "", &arguments).unwrap().pop().expect("one executable").path
    })
}
