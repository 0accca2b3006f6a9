//! The sockets that the host opened for this program, waiting to be taken.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::Preopen;

/// The descriptors belong to the process, not to a thread or a dispatcher: each can be taken only once.
static UNTAKEN: Mutex<Option<Vec<Preopen>>> = Mutex::new(None);

/// Takes the first one wanted; `discover` finds them all, and is called once per process.
pub(crate) fn take(
    discover: impl FnOnce() -> io::Result<Vec<Preopen>>,
    wanted: &mut dyn FnMut(&Preopen) -> bool,
) -> io::Result<Option<Preopen>> {
    let mut untaken = UNTAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let preopens = match &mut *untaken {
        Some(preopens) => preopens,
        none => none.insert(discover()?),
    };
    Ok(preopens.iter().position(wanted).map(|index| preopens.remove(index)))
}

/// The name of the `index`th passed descriptor in a colon-separated list such as `LISTEN_FDNAMES`.
/// systemd says `unknown` for one without a name. Nobody passes descriptors so on Windows.
#[cfg(not(windows))]
pub(crate) fn name_at(names: &str, index: usize) -> String {
    match names.split(':').nth(index) {
        Some("unknown") | None => String::new(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::name_at;

    #[test]
    fn names_are_matched_by_position_and_unknown_is_no_name() {
        assert_eq!(name_at("web:unknown:admin", 0), "web");
        assert_eq!(name_at("web:unknown:admin", 1), "");
        assert_eq!(name_at("web:unknown:admin", 2), "admin");
        assert_eq!(name_at("web", 1), "");
    }
}
