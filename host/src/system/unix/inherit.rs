//! Sockets inherited from a service manager (systemd's socket activation).

use crate::system::calls;
use selectio_platform::for_hosts::Owned;
use socket2::{SockAddr, Socket, Type};
use std::env;
use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// The environment says how many sockets there are, not who has taken them.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// One of them.
pub(crate) struct Inherited {
    socket: Socket,
    name: String,
}

/// All of them, or why there are none.
pub(crate) fn take() -> Result<Vec<Inherited>, String> {
    let hint = "start the host as a service with a socket unit, or with systemd-socket-activate";
    let pid = env::var("LISTEN_PID").map_err(|_| format!("LISTEN_PID is not set; {hint}"))?;
    if pid != process::id().to_string() {
        return Err(format!("LISTEN_PID names another process ({pid}); {hint}"));
    }
    let count = env::var("LISTEN_FDS").ok();
    let count: u16 =
        count.and_then(|count| count.parse().ok()).ok_or_else(|| format!("LISTEN_FDS is no number; {hint}"))?;
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err("they have been taken already".to_owned());
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').chain(std::iter::repeat(""));
    let sockets = calls::inherited(count.into())
        .map_err(|error| format!("LISTEN_FDS names {count}, and one of them can't be used: {error}"))?;
    let named = |(socket, name): (Owned, &str)| Inherited { socket: socket.into(), name: name.to_owned() };
    Ok(sockets.into_iter().zip(names).map(named).collect())
}

impl Inherited {
    /// Empty for one without a name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a listener or a connected stream, which is non-blocking from now on.
    pub(crate) fn is_listener(&self) -> Result<bool, String> {
        let inspect = || {
            let is_stream = self.socket.r#type()? == Type::STREAM;
            self.socket.set_nonblocking(true)?;
            Ok((is_stream, calls::is_listener(&self.socket)?))
        };
        match inspect() {
            Ok((true, is_listener)) => Ok(is_listener),
            Ok((false, _)) => Err("one is no stream socket; preview1 knows only those".to_owned()),
            Err(error) => {
                let error: io::Error = error;
                Err(format!("one is no socket: {error}"))
            }
        }
    }

    /// That of the peer of a connected stream, that of a listener itself, as people write it.
    pub(crate) fn address(&self) -> String {
        let address = self.socket.peer_addr().or_else(|_| self.socket.local_addr());
        let text = |address: SockAddr| match address.as_socket() {
            Some(address) => Some(address.to_string()),
            None => Some(address.as_pathname()?.display().to_string()),
        };
        address.ok().and_then(text).unwrap_or_else(|| "an unnamed address".to_owned())
    }

    pub(crate) fn into_owned(self) -> Owned {
        self.socket.into()
    }
}
