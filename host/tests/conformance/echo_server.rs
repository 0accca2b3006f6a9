//! The library's echo example under the command: a guest as people write them, seen from outside.

use crate::command::SELECTIO;
use crate::metrics::value;
use selectio_driver::cargo;
use selectio_driver::process::{Process, Stream};
use selectio_driver::program::announced;
use std::io::{Read, Write};
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

/// The command with that guest; killed in the end.
pub struct EchoServer {
    process: Process,
    workers: usize,
    reports: usize,
    pub address: SocketAddr,
    pub pid: u32,
}

impl EchoServer {
    pub fn start(options: &[&str]) -> EchoServer {
        EchoServer::start_with_workers(1, options)
    }

    pub fn start_with_workers(workers: usize, options: &[&str]) -> EchoServer {
        let mut command = Command::new(SELECTIO);
        command.arg("run").args(LISTEN).args(["--workers", &workers.to_string()]).args(options).arg(module());
        EchoServer::started(command, workers)
    }

    /// In a process that may have so many descriptors.
    pub fn start_with_descriptors(count: usize) -> EchoServer {
        let script = format!(r#"ulimit -n {count}; exec "$0" run "$@""#);
        let mut command = Command::new("sh");
        command.args(["-c", &script, SELECTIO]).args(LISTEN).arg(module());
        EchoServer::started(command, 1)
    }

    /// Returns when each worker's program has said that it listens.
    fn started(command: Command, workers: usize) -> EchoServer {
        let process = Process::start(command).unwrap();
        let address = process.wait_for(Stream::Stderr, PATIENCE, |text| announced(text).next()).unwrap();
        let listens = |text: &str| (text.lines().count() == workers).then_some(());
        process.wait_for(Stream::Stdout, PATIENCE, listens).unwrap();
        let pid = process.id();
        EchoServer { process, workers, reports: 0, address, pid }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// What a metric comes to in all workers together.
    pub fn total(&mut self, metric: &str) -> u64 {
        let report = self.report();
        let of = |worker| value(&report, &format!("{metric}{{worker=\"{worker}\"}}")) as u64;
        (0..self.workers).map(of).sum()
    }

    /// The numbers of now.
    fn report(&mut self) -> String {
        self.process.signal("USR1").unwrap();
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

/// Built once, with optimizations: a command that was built for tests takes long to compile anything else.
fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let what = ["build", "--release", "--package", "selectio", "--example", "echo"];
        let arguments = [&what[..], &["--target", cargo::WASM_TARGET]].concat();
        cargo::build("the example echo", &arguments).unwrap().pop().expect("one executable").path
    })
}
