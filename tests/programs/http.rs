//! `http`: serves files, uploads and an echo to strangers.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::Duration;

use selectio_driver::host::Network;
use selectio_driver::known_client;
use selectio_driver::process::Stream;
use selectio_driver::{Ended, Program, World, in_every_world};
use sha2::{Digest, Sha256};

use crate::LIMIT;
use crate::raw::{connect, receive_all, receive_until, send_and_reset};

in_every_world!(
    files_arrive_whole,
    bodies_arrive_whole_and_come_back_whole,
    nobody_gets_out_of_the_root,
    a_connection_serves_one_request_after_the_other,
    pipelined_requests_are_answered_in_order_whatever_segments_they_come_in,
    what_others_could_read_in_another_way_is_refused,
    each_refusal_has_its_status,
    a_body_is_asked_for_when_its_client_waits_for_that,
    what_takes_too_long_is_given_up,
    a_reset_hurts_nobody_else,
    a_client_that_takes_nothing_is_waited_for,
    asked_to_end_it_answers_what_is_under_way,
    a_wrong_call_is_refused_in_one_line,
);

/// A folder of a test's own, which goes with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str, world: World) -> Folder {
        let name = format!("{test}-{world}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    /// The path of a file in it, as an argument.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path of this workspace").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with a folder to serve.
struct Server {
    program: Program,
    folder: Folder,
}

impl Server {
    /// Starts it in front of a folder with `index.html` and `data.bin` in `www`, beside `secret`. `test` names the folder.
    fn start(test: &str, world: World, arguments: &[&str]) -> Server {
        let folder = Folder::new(test, world);
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path(name), bytes).expect("a file");
        fs::create_dir_all(folder.path("www/deep")).expect("a folder");
        write("secret", b"secret");
        write("www/index.html", b"<p>home</p>");
        write("www/deep/index.html", b"<p>deep</p>");
        write("www/data.bin", &data());
        for (target, name) in [("..", "www/out"), ("../secret", "www/secret"), ("data.bin", "www/same.bin")] {
            symlink(target, folder.path(name)).expect("a link");
        }
        let root = folder.path("www");
        let program = Program::start_with_folder("http", world, &root, &[&["--root", &root], arguments].concat());
        Server { program: program.expect("it starts"), folder }
    }

    fn address(&self) -> SocketAddr {
        self.program.address
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.program.address)
    }

    fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    /// Sends the bytes in pieces of this length, and answers all that comes until the connection ends.
    fn exchange(&self, request: &[u8], piece_length: usize) -> String {
        let mut stream = self.connect();
        let mut sender = stream.try_clone().expect("a duplicate");
        let request = request.to_vec();
        let sending = thread::spawn(move || {
            // The server may have closed by then.
            for piece in request.chunks(piece_length) {
                if sender.write_all(piece).is_err() {
                    break;
                }
            }
        });
        let received = receive_all(&mut stream);
        sending.join().expect("no panic");
        String::from_utf8_lossy(&received).into_owned()
    }
}

/// Five million bytes, of which no two pieces are the same.
pub fn data() -> Vec<u8> {
    (0..625_000u64).flat_map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect()
}

pub fn curl(arguments: &[&str]) -> Output {
    let mut command = known_client::command("curl").expect("curl is installed");
    command.args(["--silent", "--show-error", "--max-time", "60"]).args(arguments);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub fn curl_text(arguments: &[&str]) -> String {
    String::from_utf8(curl(arguments).stdout).expect("text")
}

/// The numbers of all answers in it.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";

fn files_arrive_whole(world: World) {
    let server = Server::start("files", world, &[]);
    for path in ["/data.bin", "/same.bin", "//data.bin", "/%64ata.bin"] {
        assert!(curl(&["--path-as-is", &server.url(path)]).stdout == data(), "{path}");
    }
    assert_eq!(curl_text(&[&server.url("/")]), "<p>home</p>");
    assert_eq!(curl_text(&[&server.url("/deep/?query")]), "<p>deep</p>");
    let redirect = curl_text(&["--head", &server.url("/deep")]);
    assert!(redirect.starts_with("HTTP/1.1 301") && redirect.contains("Location: /deep/\r\n"), "{redirect}");
    let head = curl_text(&["--head", &server.url("/data.bin")]);
    assert!(head.contains("Content-Length: 5000000\r\n"), "{head}");
    assert!(head.contains("Content-Type: application/octet-stream\r\n"), "{head}");
    assert!(curl_text(&["--head", &server.url("/index.html")]).contains("Content-Type: text/html"));
}

fn bodies_arrive_whole_and_come_back_whole(world: World) {
    let server = Server::start("bodies", world, &[]);
    let body = format!("@{}", server.folder.path("www/data.bin"));
    let (by_length, in_chunks) = (["--data-binary", &body], ["--header", "Transfer-Encoding: chunked"]);
    let checksum = format!("5000000 bytes, SHA-256 {:x}\n", Sha256::digest(data()));
    let (upload, echo) = (server.url("/upload"), server.url("/echo"));
    for more in [&[][..], &in_chunks, &["--request", "PUT"]] {
        assert_eq!(curl_text(&[&by_length, more, &[&upload]].concat()), checksum, "{more:?}");
        assert!(curl(&[&by_length, more, &[&echo]].concat()).stdout == data(), "{more:?}");
    }
    let empty = format!("0 bytes, SHA-256 {:x}\n", Sha256::digest(b""));
    assert_eq!(curl_text(&["--data", "", &upload]), empty);
    assert_eq!(curl_text(&["--data", "", in_chunks[0], in_chunks[1], &upload]), empty);
    assert_eq!(curl_text(&["--data", "", &echo]), "");
}

fn nobody_gets_out_of_the_root(world: World) {
    let server = Server::start("root", world, &[]);
    let ways_out = [
        "/../secret",
        "/deep/../../secret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/..%2Fsecret",
        "/..%5csecret",
        "/deep/..%5c..%5c..%5csecret",
        "/%252e%252e/secret",
        "//../secret",
        "/deep//..//..//secret",
        "/out/secret",
        "/out/www/../secret",
        "/secret",
        "/secret%00.html",
        "/index.html%00",
        "/..",
        "/out/",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/%c0%ae%c0%ae/secret",
        "/etc/passwd",
    ];
    for path in ways_out {
        let answer = curl_text(&["--include", "--path-as-is", &server.url(path)]);
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    let absolute = format!("GET http://here{} HTTP/1.1\r\nHost: here\r\n\r\n{LAST_GET}", server.folder.path("secret"));
    assert_eq!(statuses(&server.exchange(absolute.as_bytes(), usize::MAX)), ["404", "200"]);
}

fn a_connection_serves_one_request_after_the_other(world: World) {
    let server = Server::start("reuse", world, &[]);
    let (found, missing) = (server.url("/index.html"), server.url("/missing"));
    let format = ["--write-out", "%{stderr}%{http_code} %{num_connects}\n"];
    let output = curl(&[&format[..], &[&found, &missing, &found]].concat());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "200 1\n404 0\n200 0\n");
    let ended = curl(&["--http1.0", format[0], format[1], &found, &found]);
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "200 1\n200 1\n", "of HTTP/1.0 each has its own");
    let mut ab = known_client::command("ab").expect("ab is installed");
    let output = ab.args(["-q", "-k", "-c", "20", "-n", "1000", &server.url("/")]).output().expect("it starts");
    let report = String::from_utf8_lossy(&output.stdout);
    let count = |name: &str| {
        let line =
            report.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {report}"));
        line.trim().parse::<usize>().expect("a number")
    };
    let counts = ["Complete requests:", "Failed requests:", "Keep-Alive requests:"].map(count);
    assert_eq!(counts, [1000, 0, 1000]);
}

fn pipelined_requests_are_answered_in_order_whatever_segments_they_come_in(world: World) {
    let server = Server::start("pipelining", world, &[]);
    let upload = |framing: &str| format!("POST /upload HTTP/1.1\r\nHost: here\r\n{framing}");
    let requests = [
        GET,
        "HEAD / HTTP/1.1\r\nHost: here\r\n\r\n",
        "GET /missing HTTP/1.1\r\nHost: here\r\n\r\n",
        &upload("Content-Length: 3\r\n\r\nabc"),
        &upload("Transfer-Encoding: chunked\r\n\r\n2;ext=\"a\"\r\nab\r\n01\r\nc\r\n0\r\nTrailer: a\r\n\r\n"),
        "GET /deep/ HTTP/1.1\r\nHost: here\r\n\r\n",
        "\r\nBREW / HTTP/1.1\r\nHost: here\r\n\r\n",
        LAST_GET,
        GET,
    ];
    let requests = requests.concat();
    for piece_length in [1, 2, 7, 61, usize::MAX] {
        let answers = server.exchange(requests.as_bytes(), piece_length);
        assert_eq!(statuses(&answers), ["200", "200", "404", "200", "200", "200", "501", "200"], "{piece_length}");
        assert_eq!(answers.matches("3 bytes, SHA-256 ba7816bf").count(), 2, "{piece_length}: {answers}");
        assert_eq!(answers.matches("<p>home</p>").count(), 2, "{piece_length}: {answers}");
        assert!(answers.ends_with("<p>home</p>"), "{piece_length}: {answers}");
    }
    // More than a client takes at once: none of it is lost or served out of turn.
    let files = "GET /data.bin HTTP/1.1\r\nHost: here\r\n\r\n".repeat(3) + LAST_GET;
    let mut stream = server.connect();
    stream.write_all(files.as_bytes()).expect("it is connected");
    let received = receive_all(&mut stream);
    let found = received.windows(4).filter(|window| window == b"\r\n\r\n").count();
    assert!(received.len() > 15_000_000 && found >= 4, "{} bytes, {found} heads", received.len());
    assert!(received.ends_with(b"<p>home</p>"));
}

fn what_others_could_read_in_another_way_is_refused(world: World) {
    let server = Server::start("smuggling", world, &[]);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: here\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let heads = [
        format!("Content-Length: 5\r\n{chunked}\r\n0\r\n\r\n"),
        format!("{chunked}Content-Length: 5\r\n\r\n0\r\n\r\n"),
        "Content-Length: 0\r\nContent-Length: 48\r\n\r\n".to_owned(),
        "Content-Length: 0, 48\r\n\r\n".to_owned(),
        "Content-Length: +0\r\n\r\n".to_owned(),
        "Content-Length: -0\r\n\r\n".to_owned(),
        "Content-Length: 0x0\r\n\r\n".to_owned(),
        "Content-Length: 0 0\r\n\r\n".to_owned(),
        "Content-Length:\r\n\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n\r\n".to_owned(),
        "Content-Length : 0\r\n\r\n".to_owned(),
        "Content-Length: 0\r\n folded\r\n\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: a\0\r\n\r\n".to_owned(),
        "Host: there\r\n\r\n".to_owned(),
        format!("{chunked}\r\n\r\n\r\n"),
        format!("{chunked}\r\n;\r\n\r\n"),
        format!("{chunked}\r\n0x0\r\n\r\n"),
        format!("{chunked}\r\n+0\r\n\r\n"),
        format!("{chunked}\r\n-1\r\n\r\n"),
        format!("{chunked}\r\n0 0\r\n\r\n"),
        format!("{chunked}\r\n0\n\r\n"),
        format!("{chunked}\r\n0\r\n\n"),
        format!("{chunked}\r\n0;a\nb\r\n\r\n"),
        format!("{chunked}\r\n0;a\rb\r\n\r\n"),
        format!("{chunked}\r\n1\r\nab\r\n0\r\n\r\n"),
        format!("{chunked}\r\n1\r\na0\r\n\r\n"),
        format!("{chunked}\r\n10000000000000000\r\n\r\n"),
    ];
    for head in heads {
        let request = format!("POST /upload HTTP/1.1\r\nHost: here\r\n{head}{hidden}");
        for piece_length in [3, usize::MAX] {
            let answers = server.exchange(request.as_bytes(), piece_length);
            assert_eq!(statuses(&answers), ["400"], "{head:?} in pieces of {piece_length}: {answers}");
        }
    }
    let old = format!("POST /upload HTTP/1.0\r\n{chunked}Connection: keep-alive\r\n\r\n0\r\n\r\n{hidden}");
    assert_eq!(statuses(&server.exchange(old.as_bytes(), usize::MAX)), ["400"]);
    let body_of_get = format!("GET / HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
    assert_eq!(statuses(&server.exchange(body_of_get.as_bytes(), usize::MAX)), ["200"]);
}

fn each_refusal_has_its_status(world: World) {
    let server = Server::start("refusals", world, &[]);
    let long = "a".repeat(20_000);
    let many = "X: a\r\n".repeat(1000);
    let cases = [
        ("400", "\x16\x03\x01\x02\0\x01\0\x01\x03\x03".to_owned()),
        ("400", "GET /\r\n\r\n".to_owned()),
        ("400", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("400", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()),
        ("400", "GET /\x01 HTTP/1.1\r\nHost: here\r\n\r\n".to_owned()),
        ("400", "GET index.html HTTP/1.1\r\nHost: here\r\n\r\n".to_owned()),
        ("400", "GET / FTP/1.1\r\nHost: here\r\n\r\n".to_owned()),
        ("413", "POST /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999\r\n\r\n".to_owned()),
        (
            "413",
            "POST /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
        ),
        ("414", format!("GET /{long} HTTP/1.1\r\nHost: here\r\n\r\n")),
        ("417", "POST /upload HTTP/1.1\r\nHost: here\r\nExpect: more\r\nContent-Length: 1\r\n\r\n".to_owned()),
        ("431", format!("GET / HTTP/1.1\r\nHost: here\r\nX: {long}\r\n\r\n")),
        ("431", format!("GET / HTTP/1.1\r\nHost: here\r\n{many}\r\n")),
        ("501", "POST /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned()),
        ("505", "GET / HTTP/2.0\r\nHost: here\r\n\r\n".to_owned()),
        ("505", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ];
    for (status, request) in cases {
        let answers = server.exchange(request.as_bytes(), usize::MAX);
        assert_eq!(statuses(&answers), [status], "{request:?}: {answers}");
        assert!(answers.contains("Connection: close\r\n"), "{request:?}: {answers}");
    }
    // After these the connection goes on.
    for (status, request, allow) in [
        ("404", "GET /missing HTTP/1.1", ""),
        ("405", "DELETE / HTTP/1.1", "Allow: GET, HEAD\r\n"),
        ("405", "OPTIONS * HTTP/1.1", "Allow: GET, HEAD\r\n"),
        ("405", "GET /upload HTTP/1.1", "Allow: POST, PUT\r\n"),
        ("501", "BREW / HTTP/1.1", ""),
    ] {
        let answers = server.exchange(format!("{request}\r\nHost: here\r\n\r\n{LAST_GET}").as_bytes(), usize::MAX);
        assert_eq!(statuses(&answers), [status, "200"], "{request}");
        assert!(answers.contains(allow), "{request}: {answers}");
    }
}

fn a_body_is_asked_for_when_its_client_waits_for_that(world: World) {
    let server = Server::start("continue", world, &[]);
    for path in ["/upload", "/echo"] {
        let mut stream = server.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is connected");
        assert_eq!(receive_until(&mut stream, "\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"body").expect("it is connected");
        let answer = String::from_utf8(receive_all(&mut stream)).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("4"), "{answer}");
    }
    // Nobody asks for what is refused anyway.
    let refused = "POST /missing HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(statuses(&server.exchange(refused.as_bytes(), usize::MAX)), ["405"]);
}

fn what_takes_too_long_is_given_up(world: World) {
    let server = Server::start("timeouts", world, &["--timeout", "1"]);
    // However slowly its bytes drip, a head has one second: this one would take 200.
    let mut stream = server.connect();
    let mut sender = stream.try_clone().expect("a duplicate");
    let dripping = thread::spawn(move || {
        let head = format!("GET / HTTP/1.1\r\nHost: here\r\nX: {}", "a".repeat(1000));
        for byte in head.into_bytes() {
            if sender.write_all(&[byte]).is_err() {
                return true;
            }
            thread::sleep(Duration::from_millis(200));
        }
        false
    });
    let answer = String::from_utf8_lossy(&receive_all(&mut stream)).into_owned();
    assert_eq!(statuses(&answer), ["408"], "{answer}");
    drop(stream);
    assert!(dripping.join().expect("no panic"), "it was closed before all was sent");
    let upload = "POST /upload HTTP/1.1\r\nHost: here\r\n";
    for (request, expected) in [
        (String::new(), &[][..]),
        (GET.to_owned(), &["200"]),
        (format!("{GET}GET"), &["200", "408"]),
        (format!("{upload}Content-Length: 10\r\n\r\n123"), &["408"]),
        (format!("{upload}Transfer-Encoding: chunked\r\n\r\n5\r\n123"), &["408"]),
        ("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n123".to_owned(), &["200"]),
    ] {
        assert_eq!(statuses(&server.exchange(request.as_bytes(), usize::MAX)), expected, "{request:?}");
    }
    // One who takes nothing: what is in the kernels arrives, but not all.
    File::create(server.folder.path("www/long.bin")).and_then(|file| file.set_len(100_000_000)).expect("a file");
    let mut stream = server.connect();
    stream.write_all(b"GET /long.bin HTTP/1.1\r\nHost: here\r\n\r\n").expect("it is connected");
    thread::sleep(Duration::from_secs(6));
    assert!(receive_all(&mut stream).len() < 100_000_000);
}

fn a_reset_hurts_nobody_else(world: World) {
    let server = Server::start("resets", world, &[]);
    let mut other = server.connect();
    for request in [
        "GET /data.bin HTTP/1.1\r\nHost: here\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\nabc",
        "POST /upload HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\nabc",
    ] {
        for _ in 0..20 {
            send_and_reset(server.address(), request);
        }
    }
    other.write_all(LAST_GET.as_bytes()).expect("it is connected");
    assert!(receive_all(&mut other).ends_with(b"<p>home</p>"));
    assert!(curl(&[&server.url("/data.bin")]).stdout == data());
    assert_eq!(server.program.process.output(Stream::Stderr).matches("panicked").count(), 0);
}

fn a_client_that_takes_nothing_is_waited_for(world: World) {
    let server = Server::start("waiting", world, &[]);
    let length = 50_000_000;
    File::create(server.folder.path("www/long.bin")).and_then(|file| file.set_len(length)).expect("a file");
    let at_rest = server.program.process.resident_bytes();
    let mut download = server.connect();
    download.write_all(b"GET /long.bin HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").expect("it is connected");
    let mut echo = server.connect();
    let head = format!("POST /echo HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    echo.write_all(head.as_bytes()).expect("it is connected");
    let mut sender = echo.try_clone().expect("a duplicate");
    let sending = thread::spawn(move || {
        let bytes = vec![b'a'; 500_000];
        (0..length / 500_000).try_for_each(|_| sender.write_all(&bytes))
    });
    // Time for as much to pile up as can.
    thread::sleep(Duration::from_millis(500));
    if let (World::Native, Some(at_rest), Some(now)) = (world, at_rest, server.program.process.resident_bytes()) {
        let growth = now.saturating_sub(at_rest);
        assert!(growth < 1 << 20, "{growth} bytes more than at rest: {at_rest}");
    }
    assert!(curl_text(&[&server.url("/")]).contains("home"), "others are served meanwhile");
    for mut stream in [echo, download] {
        let received = receive_all(&mut stream);
        let head = received.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        assert_eq!(received.len() - head, length as usize);
    }
    sending.join().expect("no panic").expect("all of it was taken");
}

fn asked_to_end_it_answers_what_is_under_way(world: World) {
    let mut server = Server::start("ending", world, &[]);
    let mut idle = server.connect();
    idle.write_all(GET.as_bytes()).expect("it is connected");
    receive_until(&mut idle, "<p>home</p>");
    let mut download = server.connect();
    download.write_all(b"GET /data.bin HTTP/1.1\r\nHost: here\r\n\r\n").expect("it is connected");
    receive_until(&mut download, "\r\n\r\n");
    let mut upload = server.connect();
    let head = "POST /upload HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    upload.write_all(head.as_bytes()).expect("it is connected");
    receive_until(&mut upload, "\r\n\r\n");
    server.program.process.interrupt().expect("the signal is sent");
    let is_ending = |text: &str| text.contains("ending").then_some(());
    server.program.process.wait_for(Stream::Stdout, LIMIT, is_ending).expect("it says so");
    assert_eq!(receive_all(&mut idle), b"", "it has nothing to wait for");
    upload.write_all(b"abc").expect("it is connected");
    let answer = String::from_utf8(receive_all(&mut upload)).expect("text");
    assert!(answer.contains("Connection: close\r\n") && answer.contains("3 bytes"), "{answer}");
    assert!(receive_all(&mut download) == data());
    let status = server.program.process.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", server.program.process.all_output());
}

fn a_wrong_call_is_refused_in_one_line(world: World) {
    let refused = |arguments: &[&str]| Ended::of_example("http", world, Network::None, arguments).expect("it ends");
    // A component can only say that it failed.
    let wrong_call = if world == World::Wasip2 { 1 } else { 2 };
    refused(&["--root"]).expect_refusal(wrong_call, "--root");
    refused(&["--timeout", "0"]).expect_refusal(wrong_call, "0");
    refused(&["--tls-cert", "cert.pem"]).expect_refusal(wrong_call, "--tls-key");
    refused(&["nowhere"]).expect_refusal(wrong_call, "nowhere");
    refused(&["--unknown"]).expect_refusal(wrong_call, "--unknown");
    if world == World::Native {
        // A guest has no network here, and says so first.
        refused(&["127.0.0.1:0", "--root", "/nowhere"]).expect_refusal(1, "/nowhere");
    }
    let help = refused(&["--help"]);
    assert_eq!((help.exit_code, help.stdout.starts_with("usage: http ")), (Some(0), true));
}
