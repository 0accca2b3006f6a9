//! Passing on the environment of this process.

use crate::error::Error;
use std::env;

/// They tell this process of sockets that it has, and where its service manager listens; the guest has others, or none.
const ABOUT_SOCKETS: [&str; 4] = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET"];

/// Puts the variables of this process before `variables`, but for those that are set there.
pub(crate) fn inherit(variables: &mut Vec<(String, String)>) -> Result<(), Error> {
    let mut all = Vec::new();
    for (key, value) in env::vars_os() {
        let is_set = variables.iter().any(|(set, _)| key == set.as_str());
        if is_set || ABOUT_SOCKETS.iter().any(|name| key == *name) {
            continue;
        }
        let shown = key.to_string_lossy().into_owned();
        match (key.into_string(), value.into_string()) {
            (Ok(key), Ok(value)) => all.push((key, value)),
            _ => return Err(Error::Environment { key: shown }),
        }
    }
    all.append(variables);
    *variables = all;
    Ok(())
}
