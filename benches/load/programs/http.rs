//! HTTP/1.1: requests for a short text on connections that stay, by `wrk`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use httparse::{EMPTY_HEADER, Response, Status};

use super::client;
use super::contenders::Built;
use super::installed;
use super::load::{Done, Load, Program};

/// How many connections ask at the same time.
const CONNECTIONS: [usize; 2] = [100, 1000];

/// How long `wrk` runs, in seconds, which it takes whole ones of.
const WARM_UP: u32 = 1;
const TIME: u32 = 2;

/// What is answered.
const BODY: &str = "Hello, world!\n";

/// The lengths of a head that are about the same. With a date, a type and a length, hyper's and mio's are of 117 bytes;
/// the example says that the connection stays, which makes it 141, and nginx its name as well, which makes it 163.
const HEAD_LENGTHS: std::ops::Range<usize> = 100..180;

/// How long a server may take to answer the request that checks it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The example, hyper, nginx, and what one writes by hand; none of them without `wrk`.
pub fn program(built: &Built, remarks: &mut Vec<String>) -> Result<Option<Program>> {
    let Some(wrk) = installed::find("wrk", "HTTP/1.1", "wrk", remarks) else { return Ok(None) };
    let mut contenders = built.example("http")?.to_vec();
    contenders.push(built.peer("hyper", "hyper_http")?);
    contenders.push(built.peer("mio and httparse", "mio_http")?);
    contenders.extend(installed::nginx(BODY, remarks)?);
    let loads = CONNECTIONS.map(|connections| load(&wrk, connections)).into_iter().collect();
    Ok(Some(Program { title: "HTTP/1.1", unit: "request", peer: "hyper", contenders, loads }))
}

fn load(wrk: &Path, connections: usize) -> Load {
    let wrk = wrk.to_owned();
    let prepare = move |server: SocketAddr| {
        check(server)?;
        ask(&wrk, server, connections, WARM_UP)?;
        let wrk: PathBuf = wrk.clone();
        let run: super::load::Run = Box::new(move || ask(&wrk, server, connections, TIME));
        Ok(run)
    };
    Load { title: format!("{connections} connections"), prepare: Box::new(prepare) }
}

fn ask(wrk: &Path, server: SocketAddr, connections: usize, seconds: u32) -> Result<Done> {
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--connections", &connections.to_string()]);
    command.args(["--duration", &format!("{seconds}s"), "--timeout", "10s", &format!("http://{server}/")]);
    done(&client::run(command)?)
}

/// What `wrk` says that it has done.
fn done(report: &str) -> Result<Done> {
    if let Some(line) = report.lines().find(|line| line.contains("Socket errors") || line.contains("Non-2xx")) {
        bail!("wrk saw errors: {}", line.trim());
    }
    let lines = || report.lines().map(str::trim);
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok());
    let per_second = lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    let done = requests.zip(per_second).map(|(requests, per_second)| Done { requests, per_second });
    done.with_context(|| format!("wrk doesn't say what it did: {report}"))
}

/// Whether the server answers what all answer.
fn check(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {server}\r\n\r\n")?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_right(&answer)? {
        let length = stream.read(&mut buffer).context("the server does not answer")?;
        ensure!(length > 0, "the server closes the connection within its answer");
        answer.extend_from_slice(&buffer[..length]);
    }
    Ok(())
}

/// Whether this is the right answer; an error if it can't become that any more.
fn is_right(answer: &[u8]) -> Result<bool> {
    let mut fields = [EMPTY_HEADER; 16];
    let mut response = Response::new(&mut fields);
    let Status::Complete(head_length) = response.parse(answer)? else { return Ok(false) };
    ensure!(response.code == Some(200), "the server answers with the status {:?}", response.code);
    ensure!(HEAD_LENGTHS.contains(&head_length), "the head of the answer has {head_length} bytes");
    let body = &answer[head_length..];
    ensure!(BODY.as_bytes().starts_with(body), "the server answers {:?}", String::from_utf8_lossy(body));
    Ok(body.len() == BODY.len())
}

#[cfg(test)]
mod tests {
    use super::{Done, done, is_right};

    const REPORT: &str = "Running 2s test @ http://127.0.0.1:8080/\n  1 threads and 100 connections\n\
        \x20 Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     1.13ms  168.66us   3.30ms   90.61%\n\
        \x20   Req/Sec    88.14k     4.21k   92.31k    85.00%\n  175317 requests in 2.00s, 25.75MB read\n\
        Requests/sec:  87592.74\nTransfer/sec:     12.86MB\n";

    #[test]
    fn the_report_of_wrk_is_understood() {
        let expected = Done { requests: 175_317, per_second: 87_592.74 };
        assert_eq!(done(REPORT).expect("a report"), expected);
        assert!(done("unable to connect to 127.0.0.1:8080 Connection refused\n").is_err());
    }

    #[test]
    fn errors_that_wrk_saw_are_errors() {
        for line in ["  Socket errors: connect 0, read 3, write 0, timeout 0\n", "  Non-2xx or 3xx responses: 7\n"] {
            let error = done(&format!("{REPORT}{line}")).expect_err("errors").to_string();
            assert_eq!(error, format!("wrk saw errors: {}", line.trim()));
        }
    }

    #[test]
    fn an_answer_is_right_when_it_is_complete() {
        let filling = "x".repeat(80);
        let answer = format!("HTTP/1.1 200 OK\r\nX: {filling}\r\n\r\nHello, world!\n");
        for length in 0..answer.len() {
            assert!(!is_right(&answer.as_bytes()[..length]).expect("a beginning"));
        }
        assert!(is_right(answer.as_bytes()).expect("an answer"));
    }

    #[test]
    fn an_answer_with_another_status_or_body_or_a_short_head_is_wrong() {
        let filling = "x".repeat(80);
        for answer in [
            format!("HTTP/1.1 404 Not Found\r\nX: {filling}\r\n\r\nHello, world!\n"),
            format!("HTTP/1.1 200 OK\r\nX: {filling}\r\n\r\nHello, moon!\n"),
            format!("HTTP/1.1 200 OK\r\nX: {filling}\r\n\r\nHello, world!\n\n"),
            "HTTP/1.1 200 OK\r\n\r\nHello, world!\n".to_owned(),
        ] {
            assert!(is_right(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
