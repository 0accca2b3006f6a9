//! Sockets inherited from a service manager (systemd's socket activation).

use crate::socket::Role;
use crate::sys;
use socket2::{SockAddr, Socket, Type};
use std::env;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// The environment says how many sockets there are, not who has taken them.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The sockets and their names, or why there are none.
pub(crate) fn take() -> Result<Vec<(Socket, String)>, String> {
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
    let sockets = sys::inherited(count.into())
        .map_err(|error| format!("LISTEN_FDS names {count}, and one of them can't be used: {error}"))?;
    let sockets = sockets.into_iter().map(Socket::from);
    Ok(sockets.zip(names.map(str::to_owned)).collect())
}

/// What a socket is for, made non-blocking.
pub(crate) fn role(socket: &Socket) -> Result<Role, String> {
    let inspect = || {
        let stream = socket.r#type()? == Type::STREAM;
        socket.set_nonblocking(true)?;
        Ok((stream, socket.is_listener()?))
    };
    match inspect() {
        Ok((true, true)) => Ok(Role::Listener),
        Ok((true, false)) => Ok(Role::Stream),
        Ok((false, _)) => Err("one is no stream socket; preview1 knows only those".to_owned()),
        Err(error) => {
            let error: std::io::Error = error;
            Err(format!("one is no socket: {error}"))
        }
    }
}

/// The address as people write it.
pub(crate) fn address(socket: &Socket, role: Role) -> String {
    let address = match role {
        Role::Listener => socket.local_addr(),
        Role::Stream => socket.peer_addr(),
    };
    let text = |address: SockAddr| match address.as_socket() {
        Some(address) => Some(address.to_string()),
        None => Some(address.as_pathname()?.display().to_string()),
    };
    let known = address.ok().and_then(text);
    known.unwrap_or_else(|| "an unnamed address".to_owned())
}
