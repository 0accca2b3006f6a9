//! The metrics of the command, asked for as Prometheus does, and otherwise.

use crate::command::{Running, failure, program};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Echoes to one client at a time, and closes when that has nothing more to send.
const ECHO_IN_TURN: &str = "
    (func $main (local $fd i32)
      (loop $next
        (call $on_read (i32.const 0) (i32.const 3))
        (drop (call $poll (i32.const 1)))
        (br_if $next (call $accept (i32.const 4)))
        (local.set $fd (call $accepted))
        (loop $again
          (call $on_read (i32.const 0) (local.get $fd))
          (drop (call $poll (i32.const 1)))
          (drop (call $receive (local.get $fd) (i32.const 4096) (i32.const 0)))
          (if (call $count) (then
            (drop (call $send (local.get $fd) (call $count)))
            (br $again))))
        (drop (call $fd_close (local.get $fd)))
        (br $next)))";

/// Traps when somebody connects.
const TRAP_AT_CLIENT: &str = "
    (func $main
      (call $on_read (i32.const 0) (i32.const 3))
      (drop (call $poll (i32.const 1)))
      (drop (call $accept (i32.const 4)))
      unreachable)";

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

/// No answer takes a tenth of it; it bounds one that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many clients are served at once; one more is turned away.
const CLIENTS_MAX: usize = 64;

/// The command with a guest, and where it serves metrics.
struct Served {
    running: Running,
    metrics: SocketAddr,
}

impl Served {
    /// A guest with a listener.
    fn start(name: &str, text: &str, options: &[&str]) -> Served {
        let guest = program(name, text);
        let always = ["--metrics", "127.0.0.1:0", "--tcplisten", "127.0.0.1:0", guest.to_str().unwrap()];
        let mut running = Running::start(&[options, &always].concat());
        let line = running.line();
        let address =
            line.strip_prefix("selectio: metrics on http://").and_then(|rest| rest.strip_suffix("/metrics\n"));
        let metrics = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        assert!(running.line().contains("listening on"));
        Served { running, metrics }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.metrics).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request, and reads until the server closes.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that refuses may close before it has everything.
        let _ = stream.write_all(request);
        rest(&mut stream)
    }

    /// The numbers of now.
    fn scrape(&self) -> String {
        let response = self.ask(SCRAPE.as_bytes());
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(body.ends_with("# EOF\n"), "{body}");
        body.to_owned()
    }

    /// Scrapes until a metric has a value: the guest may have served its client a moment before it is counted.
    fn wait_for(&self, metric: &str, wanted: f64) -> String {
        for _ in 0..1000 {
            let text = self.scrape();
            if value(&text, metric) == wanted {
                return text;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{metric} is not {wanted}: {}", self.scrape());
    }
}

/// All that the server sends until it closes; one that resets has sent all that it will.
fn rest(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8(response).unwrap()
}

/// What a metric of the first worker says, or of another one with its labels.
pub fn value(text: &str, metric: &str) -> f64 {
    let metric = if metric.contains('{') { metric.to_owned() } else { format!("{metric}{{worker=\"0\"}}") };
    let line = text.lines().find_map(|line| line.strip_prefix(&metric));
    line.unwrap_or_else(|| panic!("no {metric} in {text}")).trim().parse().unwrap()
}

/// Sends bytes to an echo server, and waits for all of them.
fn echo(stream: &mut TcpStream, length: usize) {
    stream.write_all(&vec![b'x'; length]).unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
}

#[test]
fn the_numbers_are_those_of_the_connections_and_their_bytes() {
    let served = Served::start("metrics_numbers", ECHO_IN_TURN, &[]);
    assert_eq!(value(&served.scrape(), "selectio_connections_accepted_total"), 0.0);
    for turn in 1..=3 {
        let mut client = served.running.connect();
        (0..10).for_each(|_| echo(&mut client, 1000));
        let text = served.wait_for("selectio_sent_bytes_total", 10_000.0 * f64::from(turn));
        assert_eq!(value(&text, "selectio_received_bytes_total"), 10_000.0 * f64::from(turn));
        assert_eq!(value(&text, "selectio_connections_accepted_total"), f64::from(turn));
        assert_eq!(value(&text, "selectio_connections_open"), 1.0);
        client.shutdown(Shutdown::Write).unwrap();
        served.wait_for("selectio_connections_open", 0.0);
    }
    let text = served.scrape();
    // One wait for each client, one for its end, and one for each part that has arrived by itself.
    let waits = value(&text, "selectio_waits_total");
    assert!((3.0 * (1.0 + 10.0 + 1.0)..=3.0 * (1.0 + 40.0 + 1.0) + 1.0).contains(&waits), "{text}");
    assert!(value(&text, "selectio_memory_bytes") >= 4.0 * 65_536.0, "{text}");
    assert!(value(&text, "selectio_uptime_seconds") > 0.0, "{text}");
    assert_eq!(value(&text, "selectio_restarts_total"), 0.0);
    let version = concat!("selectio_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    assert_eq!(value(&text, version), 1.0);
}

#[test]
fn every_worker_has_its_own_numbers() {
    let served = Served::start("metrics_workers", ECHO_IN_TURN, &["--workers", "2"]);
    // A worker is with its client until that closes, so the second client has the other worker.
    let mut clients = [served.running.connect(), served.running.connect()];
    clients.iter_mut().for_each(|client| echo(client, 100));
    for worker in ["0", "1"] {
        let of = |name: &str| format!("{name}{{worker=\"{worker}\"}}");
        let text = served.wait_for(&of("selectio_sent_bytes_total"), 100.0);
        assert_eq!(value(&text, &of("selectio_received_bytes_total")), 100.0);
        assert_eq!(value(&text, &of("selectio_connections_open")), 1.0);
        assert!(value(&text, &of("selectio_uptime_seconds")) > 0.0, "{text}");
    }
}

#[test]
fn restarts_are_counted() {
    let served = Served::start("metrics_restarts", TRAP_AT_CLIENT, &["--restart"]);
    for count in 1..=2 {
        drop(served.running.connect());
        let text = served.wait_for("selectio_restarts_total", f64::from(count));
        assert_eq!(value(&text, "selectio_connections_open"), 0.0);
    }
}

#[test]
fn the_answer_says_in_which_format_it_is() {
    let served = Served::start("metrics_format", ECHO_IN_TURN, &[]);
    let response = served.ask(SCRAPE.as_bytes());
    let kind = "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(response.contains(kind), "{response}");
    let head = served.ask(b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.contains(kind) && head.ends_with("\r\nConnection: close\r\n\r\n"), "{head}");
}

#[test]
fn a_request_may_arrive_in_any_pieces() {
    let served = Served::start("metrics_pieces", ECHO_IN_TURN, &[]);
    let mut stream = served.connect();
    for byte in SCRAPE.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert!(rest(&mut stream).ends_with("# EOF\n"));
    // A client may say first that nothing more comes.
    let mut stream = served.connect();
    stream.write_all(SCRAPE.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut stream).ends_with("# EOF\n"));
}

#[test]
fn what_is_no_scrape_is_refused_and_harms_nobody() {
    let served = Served::start("metrics_refusals", ECHO_IN_TURN, &[]);
    let fields = "A: b\r\n".repeat(65);
    let many_fields = format!("GET /metrics HTTP/1.1\r\n{fields}\r\n");
    let long_head = format!("GET /metrics HTTP/1.1\r\n{}", format!("A: {}\r\n", "b".repeat(90)).repeat(2000));
    let cases: [(&[u8], &str); 8] = [
        (b"GET / HTTP/1.1\r\n\r\n", "404 "),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "405 "),
        (b"hello\r\n\r\n", "400 "),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", "400 "),
        (b"GET /metrics HTTP/1.1\r\n: no name\r\n\r\n", "400 "),
        (many_fields.as_bytes(), "431 "),
        (long_head.as_bytes(), "431 "),
        (&[b'x'; 100_000], "431 "),
    ];
    for (request, status) in cases {
        let response = served.ask(request);
        let start = String::from_utf8_lossy(&request[..request.len().min(40)]);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{start:?}: {response}");
    }
    // These get no answer, since they ask for nothing.
    for request in [&b""[..], b"\r\n\r\n", b"GET /metrics"] {
        let mut stream = served.connect();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut stream), "");
    }
    served.scrape();
}

#[test]
fn slow_clients_keep_nobody_waiting_and_are_given_up() {
    let served = Served::start("metrics_slow", ECHO_IN_TURN, &[]);
    let mut silent = served.connect();
    let mut slow = served.connect();
    slow.write_all(b"GET /met").unwrap();
    served.scrape();
    for stream in [&mut silent, &mut slow] {
        assert!(rest(stream).starts_with("HTTP/1.1 408 "));
    }
    served.scrape();
}

#[test]
fn more_clients_than_are_served_at_once_are_turned_away() {
    let served = Served::start("metrics_crowd", ECHO_IN_TURN, &[]);
    let crowd: Vec<_> = (0..CLIENTS_MAX).map(|_| served.connect()).collect();
    assert!(rest(&mut served.connect()).starts_with("HTTP/1.1 503 "));
    drop(crowd);
    // Their places are free as soon as the server has seen that they are gone.
    let is_served = |_| served.ask(SCRAPE.as_bytes()).ends_with("# EOF\n");
    assert!((0..1000).any(is_served));
}

#[test]
fn a_signal_prints_the_same_text() {
    let mut served = Served::start("metrics_signal", ECHO_IN_TURN, &[]);
    let descriptions = |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    let scraped: Vec<String> = descriptions(&served.scrape());
    for _ in 0..2 {
        served.running.signal("USR1");
        let mut printed = String::new();
        while !printed.ends_with("# EOF\n") {
            let line = served.running.line();
            assert!(!line.is_empty(), "{printed}");
            printed.push_str(line);
        }
        let printed: Vec<String> = descriptions(&printed);
        assert_eq!(printed, scraped);
    }
    served.running.signal("TERM");
    assert_eq!(served.running.finish().0, Some(143));
}

#[test]
fn an_address_that_cannot_be_had_is_one_line_and_exit_code_1() {
    let guest = program("metrics_taken", "(func $main)");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for address in [&taken, "here", "127.0.0.1", "127.0.0.1:http"] {
        let (code, text) = failure(&["run", "--metrics", address, guest.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with(&format!("selectio: can't serve metrics on {address}: ")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

/// The listener of a service manager is the guest's, also when the metrics would fit into its place.
#[test]
fn the_metrics_take_no_inherited_socket() {
    let guest = program("metrics_inherited", ECHO_IN_TURN);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = Running::activate(listener, &["--metrics", "127.0.0.1:0", guest.to_str().unwrap()]);
    let line = running.line().to_owned();
    assert!(line.contains("metrics on") && !line.contains(&address.to_string()), "{line}");
    assert_eq!(running.line(), format!("selectio: listening on {address} (fd 3, web)\n"));
    echo(&mut running.connect(), 10);
    running.signal("TERM");
    running.finish();
}
