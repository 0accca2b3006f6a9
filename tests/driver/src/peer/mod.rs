//! The peer of the portable tests: plays the clients of a test that can't open connections itself.
//!
//! The portable tests run natively and inside a WebAssembly guest. A guest can only accept, so everything that has to
//! come from outside is asked for over one *control connection*: the test sends a request, the peer carries it out
//! against the test's listener and replies. Each test has a session of its own ([`serve`]); when its control
//! connection closes, everything that the session opened closes too.
//!
//! # Protocol
//!
//! ASCII lines that end in `\n`; one reply line for each request line. A reply is `ok`, `ok FIELDS` or `error TEXT`
//! (the request was not carried out; the session goes on). Fields are separated by one space. `ID` is a connection:
//! ids count up from 0 in each session, whoever opened the connection. `ADDR` is an IP address and a port,
//! `HEX` bytes in hexadecimal (two digits a byte, nothing for no bytes). A request is best written at once: in two
//! pieces it can take 40 ms longer, because TCP holds the second back.
//!
//! | request | reply | effect |
//! |---|---|---|
//! | `target ADDR` | `ok` | sets where `connect` goes |
//! | `connect` | `ok ID` | connects to the target; the listener's backlog is enough, nobody has to accept |
//! | `connect_paused` | `ok ID` | the same, paused from the start and with a small receive buffer |
//! | `connect_many COUNT` | `ok FIRST_ID` | reserves COUNT ids and connects them one after another, in the background |
//! | `send ID HEX` | `ok` | sends the bytes; the reply comes when the system has taken them all |
//! | `burst ID COUNT SEED` | `ok` | starts to send COUNT bytes of the [pattern](pattern_byte), in the background |
//! | `pause ID` | `ok` | stops reading: after the reply, no further byte is read |
//! | `resume ID` | `ok` | reads again |
//! | `received ID` | `ok LENGTH CHECKSUM STATE HEX` | what came so far, see below |
//! | `shutdown ID` | `ok` | closes the sending side; after a burst that still runs, so it cuts nothing off |
//! | `close ID` | `ok` | closes in an orderly way; a burst that still runs is abandoned |
//! | `reset ID` | `ok` | closes with a reset; a burst that still runs is abandoned |
//! | `listen` | `ok ADDR` | opens a loopback listener, which accepts in the background |
//! | `listen_closed` | `ok ADDR` | names a loopback address that refuses connections |
//! | `accepted` | `ok ID` or `ok none` | the next accepted connection that was not reported yet |
//!
//! Connections are read all the time, unless they are paused. In the reply to `received`, `LENGTH` is how many bytes
//! came in all, `CHECKSUM` their [FNV-1a](crate::checksum) with 64 bits as 16 hexadecimal digits, `STATE` is
//!
//! - `open`: more can come,
//! - `eof`: the other side closed its sending side,
//! - `reset`: the other side reset the connection,
//! - `connecting`: an id of `connect_many` whose turn has not come (every other request about it is an error),
//!
//! and `HEX` is all the bytes if there are no more than [`SHOWN_BYTES_MAX`] of them, else `-`. What has arrived at the
//! peer's system may not have been read yet, so a test asks again until it sees what it waits for.
//!
//! `close` on a paused connection with unread bytes makes the system send a reset: that is how TCP reports lost data.

mod connection;
mod request;
mod session;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub use request::{Id, Request};
use session::Session;

/// The longest answer to `received` that holds the bytes themselves.
pub const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// The longest request.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// Byte `index` of the pattern that a burst with `seed` sends: `(index * 31 + index / 256 * 7 + seed)`, cut to a byte.
pub fn pattern_byte(index: u64, seed: u8) -> u8 {
    let mixed = index.wrapping_mul(31).wrapping_add((index / 256).wrapping_mul(7));
    (mixed as u8).wrapping_add(seed)
}

/// Serves one session on `control` until it closes. `target` is where `connect` goes until a request sets another.
pub fn serve(control: TcpStream, target: Option<SocketAddr>) -> io::Result<()> {
    match answer_requests(control, Session::new(target)) {
        // A test that ends without closing its sockets, or a guest that never accepted.
        Err(error) if [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()) => Ok(()),
        outcome => outcome,
    }
}

fn answer_requests(control: TcpStream, mut session: Session) -> io::Result<()> {
    control.set_nodelay(true)?;
    let mut replies = control.try_clone()?;
    let mut requests = BufReader::new(control);
    let mut line = Vec::new();
    while requests.by_ref().take(REQUEST_BYTES_MAX).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let answer = text.parse::<Request>().and_then(|request| session.carry_out(request));
        let reply = match answer {
            Ok(fields) if fields.is_empty() => "ok\n".to_owned(),
            Ok(fields) => format!("ok {fields}\n"),
            Err(text) => format!("error {}\n", text.replace('\n', " ")),
        };
        replies.write_all(reply.as_bytes())?;
        line.clear();
    }
    Ok(())
}
