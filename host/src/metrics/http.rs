//! As much of HTTP as a scrape needs: one request without a body, one response, and the connection is closed. No
//! socket is known here.

use super::exposition::CONTENT_TYPE;
use httparse::{EMPTY_HEADER, Request, Status};

/// How long the head of a request may be, in bytes.
pub(super) const HEAD_LENGTH_MAX: usize = 8 * 1024;

/// How many header fields it may have.
const HEADERS_MAX: usize = 64;

/// The head of a request that arrives line by line.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    has_request_line: bool,
}

/// How far the head of a request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Partial,
    Complete,
    TooLong,
}

impl Head {
    /// Takes the next line, which ends in a newline.
    pub(super) fn add(&mut self, line: &[u8]) -> Progress {
        if self.bytes.len() + line.len() > HEAD_LENGTH_MAX {
            return Progress::TooLong;
        }
        self.bytes.extend_from_slice(line);
        let is_empty = line == b"\n";
        // Empty lines before the request line mean nothing (RFC 9112, 2.2).
        if is_empty && self.has_request_line {
            return Progress::Complete;
        }
        self.has_request_line |= !is_empty;
        Progress::Partial
    }

    /// The response to the whole request; `metrics` makes the text.
    pub(super) fn response(&self, metrics: impl FnOnce() -> String) -> Vec<u8> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = Request::new(&mut headers);
        match request.parse(&self.bytes) {
            Ok(Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return too_long(),
            Ok(Status::Partial) | Err(_) => return refusal("400 Bad Request", "This is no HTTP request."),
        }
        let method = request.method.unwrap_or_default();
        let path = request.path.and_then(|target| target.split('?').next());
        let mut response = match (path, method) {
            (Some("/metrics"), "GET" | "HEAD") => response("200 OK", CONTENT_TYPE, "", &metrics()),
            (Some("/metrics"), _) => {
                let text = "The metrics can only be read: use GET.\n";
                response("405 Method Not Allowed", PLAIN_TEXT, "Allow: GET, HEAD\r\n", text)
            }
            _ => refusal("404 Not Found", "The metrics are at /metrics."),
        };
        if method == "HEAD" {
            response.truncate(length_of_head(&response));
        }
        response
    }
}

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The request has more than this server takes in.
pub(super) fn too_long() -> Vec<u8> {
    refusal("431 Request Header Fields Too Large", "The request is too long.")
}

/// The request didn't come in time.
pub(super) fn too_slow() -> Vec<u8> {
    refusal("408 Request Timeout", "The request took too long.")
}

/// There are more clients than this server serves at once.
pub(super) fn too_many() -> Vec<u8> {
    refusal("503 Service Unavailable", "There are too many clients; try again later.")
}

fn refusal(status: &str, reason: &str) -> Vec<u8> {
    response(status, PLAIN_TEXT, "", &format!("{reason}\n"))
}

/// `fields` are further header fields, each with its line end.
fn response(status: &str, kind: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{fields}Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// A response to HEAD has the head of the one to GET, with the length of the body that it lacks.
fn length_of_head(response: &[u8]) -> usize {
    response.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(response.len(), |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response to a request of these lines.
    fn ask(lines: &[&str]) -> String {
        let mut head = Head::default();
        let (last, others) = lines.split_last().unwrap();
        for line in others {
            assert_eq!(head.add(format!("{line}\n").as_bytes()), Progress::Partial, "{line}");
        }
        assert_eq!(head.add(format!("{last}\n").as_bytes()), Progress::Complete);
        String::from_utf8(head.response(|| "x 1\n".to_owned())).unwrap()
    }

    #[test]
    fn a_scrape_is_answered() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
                     Content-Length: 4\r\nConnection: close\r\n\r\nx 1\n";
        assert_eq!(ask(&["GET /metrics HTTP/1.1", "Host: a", ""]), whole);
        assert_eq!(ask(&["", "", "GET /metrics?a=b HTTP/1.0", ""]), whole);
        assert_eq!(ask(&["HEAD /metrics HTTP/1.1", "Host: a", ""]), whole.trim_end_matches("x 1\n"));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (line, status) in [
            ("GET / HTTP/1.1", "404 Not Found"),
            ("GET /metrics/ HTTP/1.1", "404 Not Found"),
            ("POST /metrics HTTP/1.1", "405 Method Not Allowed"),
            ("hello", "400 Bad Request"),
            ("\u{16}\u{3}\u{1}", "400 Bad Request"),
            ("GET /metrics HTTP/2.0", "400 Bad Request"),
        ] {
            let response = ask(&[line, ""]);
            assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{line}: {response}");
            assert!(response.ends_with(".\n") && response.contains("\r\nConnection: close\r\n"), "{response}");
        }
        assert!(ask(&["PUT /metrics HTTP/1.1", ""]).contains("\r\nAllow: GET, HEAD\r\n"));
        assert!(ask(&["HEAD / HTTP/1.1", ""]).ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_head_is_bounded() {
        let mut head = Head::default();
        assert_eq!(head.add(b"GET /metrics HTTP/1.1\n"), Progress::Partial);
        let field = format!("A: {}\n", "a".repeat(96));
        let taken = (0..HEAD_LENGTH_MAX).take_while(|_| head.add(field.as_bytes()) == Progress::Partial).count();
        assert_eq!(taken, (HEAD_LENGTH_MAX - 22) / 100);
        let many = ["A: 1"; HEADERS_MAX + 1];
        let lines = [&["GET /metrics HTTP/1.1"], &many[..], &[""]].concat();
        assert!(ask(&lines).starts_with("HTTP/1.1 431 "));
    }
}
