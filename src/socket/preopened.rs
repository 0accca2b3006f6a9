//! Which of the host's sockets an address means.

use std::io;
use std::net::SocketAddr;

use selectio_platform::{Platform, Preopen};

/// The host's listener or stream of this name; or else, for an address, the next one without a name that nobody has
/// taken, or the only one that is left.
///
/// # Errors
/// `NotFound`, with their names, when the host passed others and `name` means none of them.
pub(super) fn take_preopened(platform: &dyn Platform, name: &str, is_listener: bool) -> io::Result<Option<Preopen>> {
    let mut others = Vec::new();
    let found = platform.take_preopened(&mut |preopen| {
        let is_meant = preopen.is_listener == is_listener && preopen.name == name;
        if preopen.is_listener == is_listener && !is_meant {
            others.push(preopen.name.clone());
        }
        is_meant
    })?;
    if found.is_some() {
        return Ok(found);
    }
    if is_address(name) {
        let is_only_one = others.len() == 1;
        let found = platform.take_preopened(&mut |preopen| {
            preopen.is_listener == is_listener && (is_only_one || is_without_name(&preopen.name))
        })?;
        let caps = platform.caps();
        let makes_its_own = if is_listener { caps.listen } else { caps.connect };
        if found.is_some() || makes_its_own {
            return Ok(found);
        }
    }
    if others.is_empty() {
        return Ok(None);
    }
    let what = if is_listener { "listener" } else { "connection" };
    let named: Vec<_> = others
        .iter()
        .map(|name| if name.is_empty() { "one without a name".to_owned() } else { format!("{name:?}") })
        .collect();
    let text = format!(
        "{what}({name:?}): the host passed no {what} of this name, but {}: use one of these, or an address such as \
         127.0.0.1:7000 for one without a name",
        named.join(", ")
    );
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// systemd names a socket after its unit when the unit file names it nothing else (systemd.socket(5)).
fn is_without_name(name: &str) -> bool {
    name.is_empty() || name.ends_with(".socket")
}

fn is_address(text: &str) -> bool {
    is_path(text) || text.parse::<SocketAddr>().is_ok() || parse_address(text).is_ok()
}

/// Whether it means a Unix socket.
pub(super) fn is_path(address: &str) -> bool {
    address.contains('/')
}

/// Splits `HOST:PORT`, where an IPv6 host may stand in brackets.
///
/// # Errors
/// `InvalidInput`, with what to write.
pub(super) fn parse_address(address: &str) -> io::Result<(&str, u16)> {
    let refused = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let (host, port) = address.rsplit_once(':').ok_or_else(|| {
        refused(format!("{address:?} is no HOST:PORT: write 127.0.0.1:7000, or a path with a slash in it"))
    })?;
    let port: u16 = port.parse().map_err(|_| {
        refused(format!("{address:?} has {port:?} for a port, which is a number up to 65535: write 127.0.0.1:7000"))
    })?;
    if host.is_empty() {
        return Err(refused(format!(
            "{address:?} names no host: write 0.0.0.0:{port} for every address of the machine"
        )));
    }
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port))
}
