//! Which of the host's sockets an address means.

use std::io;

use selectio_platform::{Platform, Preopen};

use crate::error::misuse;

/// The host's listener or stream of this name, or else the next one that nobody has taken.
pub(super) fn take_preopened(platform: &dyn Platform, name: &str, is_listener: bool) -> io::Result<Option<Preopen>> {
    match platform.take_preopened(&mut |preopen| preopen.is_listener == is_listener && preopen.name == name)? {
        Some(preopen) => Ok(Some(preopen)),
        None => platform.take_preopened(&mut |preopen| preopen.is_listener == is_listener),
    }
}

/// Splits `HOST:PORT`, where an IPv6 host may stand in brackets.
pub(super) fn parse_address<'a>(operation: &str, address: &'a str) -> io::Result<(&'a str, u16)> {
    let parsed = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) =
        parsed.ok_or_else(|| misuse(operation, &format!("{address:?} is no HOST:PORT: write 127.0.0.1:7000")))?;
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port))
}
