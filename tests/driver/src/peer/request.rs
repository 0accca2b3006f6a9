//! The requests of the protocol, as data.

use std::net::SocketAddr;
use std::str::{FromStr, SplitWhitespace};

/// A connection of a session.
pub type Id = usize;

/// A request line, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table in the module's docs names the fields")]
pub enum Request {
    /// `target ADDR`
    Target { address: SocketAddr },
    /// `connect`
    Connect,
    /// `connect_paused`
    ConnectPaused,
    /// `connect_many COUNT`
    ConnectMany { count: usize },
    /// `send ID HEX`
    Send { id: Id, bytes: Vec<u8> },
    /// `burst ID COUNT SEED`
    Burst { id: Id, count: u64, seed: u8 },
    /// `pause ID`
    Pause { id: Id },
    /// `resume ID`
    Resume { id: Id },
    /// `received ID`
    Received { id: Id },
    /// `shutdown ID`
    Shutdown { id: Id },
    /// `close ID`
    Close { id: Id },
    /// `reset ID`
    Reset { id: Id },
    /// `listen`
    Listen,
    /// `listen_closed`
    ListenClosed,
    /// `accepted`
    Accepted,
}

impl FromStr for Request {
    type Err = String;

    fn from_str(line: &str) -> Result<Request, String> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let request = match verb {
            "target" => Request::Target { address: number(&mut words, "ADDR")? },
            "connect" => Request::Connect,
            "connect_paused" => Request::ConnectPaused,
            "connect_many" => Request::ConnectMany { count: number(&mut words, "COUNT")? },
            "send" => {
                Request::Send { id: number(&mut words, "ID")?, bytes: from_hex(words.next().unwrap_or_default())? }
            }
            "burst" => Request::Burst {
                id: number(&mut words, "ID")?,
                count: number(&mut words, "COUNT")?,
                seed: number(&mut words, "SEED")?,
            },
            "pause" => Request::Pause { id: number(&mut words, "ID")? },
            "resume" => Request::Resume { id: number(&mut words, "ID")? },
            "received" => Request::Received { id: number(&mut words, "ID")? },
            "shutdown" => Request::Shutdown { id: number(&mut words, "ID")? },
            "close" => Request::Close { id: number(&mut words, "ID")? },
            "reset" => Request::Reset { id: number(&mut words, "ID")? },
            "listen" => Request::Listen,
            "listen_closed" => Request::ListenClosed,
            "accepted" => Request::Accepted,
            _ => return Err(format!("`{verb}` is no request")),
        };
        match words.next() {
            None => Ok(request),
            Some(word) => Err(format!("`{word}` is one word too many for `{verb}`")),
        }
    }
}

/// The next word as the field `name`: a number or an address.
fn number<T: FromStr>(words: &mut SplitWhitespace<'_>, name: &str) -> Result<T, String> {
    let word = words.next().ok_or_else(|| format!("{name} is missing"))?;
    word.parse().map_err(|_| format!("`{word}` is no {name}"))
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err(format!("`{text}` is no HEX")),
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    fn check(line: &str, expected: Request) {
        assert_eq!(line.parse(), Ok(expected), "{line}");
    }

    #[test]
    fn requests() {
        let address = "127.0.0.1:7000".parse().expect("an address");
        check("target 127.0.0.1:7000", Request::Target { address });
        check("connect\n", Request::Connect);
        check("connect_many 2000", Request::ConnectMany { count: 2000 });
        check("send 3 00fF7a\n", Request::Send { id: 3, bytes: vec![0, 255, 0x7a] });
        check("send 3 ", Request::Send { id: 3, bytes: Vec::new() });
        check("burst 0 20000000 7", Request::Burst { id: 0, count: 20_000_000, seed: 7 });
    }

    #[test]
    fn refused_with_a_reason() {
        let cases = [
            ("", "`` is no request"),
            ("dance", "`dance` is no request"),
            ("pause", "ID is missing"),
            ("pause x", "`x` is no ID"),
            ("send 0 abc", "`abc` is no HEX"),
            ("burst 0 1 256", "`256` is no SEED"),
            ("connect 5", "`5` is one word too many for `connect`"),
        ];
        for (line, reason) in cases {
            assert_eq!(line.parse::<Request>(), Err(reason.to_owned()));
        }
    }
}
