//! The values of options: variables, directories, modules.

use std::env::{self, VarError};

/// A variable for the guest; without a value it is one of this process's own that is not set.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) key: String,
    pub(super) value: Option<String>,
}

pub(super) fn variable(text: &str) -> Result<Variable, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => match env::var(text) {
            Ok(value) => (text, Some(value)),
            Err(VarError::NotPresent) => (text, None),
            Err(VarError::NotUnicode(_)) => {
                return Err("the value of this variable is not UTF-8, which programs can't be given".to_owned());
            }
        },
    };
    if key.is_empty() {
        return Err("a variable has a name: write KEY=VALUE".to_owned());
    }
    Ok(Variable { key: key.to_owned(), value })
}

/// A directory for the guest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Directory {
    pub(super) host: String,
    pub(super) guest: String,
    pub(super) is_read_only: bool,
}

/// `HOST`, `HOST::GUEST` or `HOST::GUEST::ro`.
pub(super) fn directory(text: &str) -> Result<Directory, String> {
    let parts: Vec<&str> = text.split("::").collect();
    let (host, guest, is_read_only) = match parts[..] {
        [host] => (host, host, false),
        [host, guest] => (host, guest, false),
        [host, guest, "ro"] => (host, guest, true),
        _ => return Err("write HOST, HOST::GUEST, or HOST::GUEST::ro for one that is only read".to_owned()),
    };
    if host.is_empty() || guest.is_empty() {
        return Err("a directory has a name: write HOST::GUEST".to_owned());
    }
    Ok(Directory { host: host.to_owned(), guest: guest.to_owned(), is_read_only })
}

/// A module for `--preload`.
#[derive(Clone)]
pub(super) struct Preload {
    pub(super) name: String,
    pub(super) path: String,
}

pub(super) fn preload(text: &str) -> Result<Preload, String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok(Preload { name: name.to_owned(), path: path.to_owned() }),
        _ => Err("write NAME=FILE, with the name that the program imports it by".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_may_have_another_name_and_be_read_only() {
        let made = |host: &str, guest: &str, is_read_only| {
            Ok(Directory { host: host.to_owned(), guest: guest.to_owned(), is_read_only })
        };
        assert_eq!(directory("data"), made("data", "data", false));
        assert_eq!(directory("/srv::/"), made("/srv", "/", false));
        assert_eq!(directory("/srv::/::ro"), made("/srv", "/", true));
        // Two parts are always two names.
        assert_eq!(directory("/srv::ro"), made("/srv", "ro", false));
        for wrong in ["", "::", "a::", "a::b::rw", "a::b::ro::ro"] {
            assert!(directory(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_preloaded_module_has_a_name() {
        assert!(preload("lib=lib.wasm").is_ok_and(|preload| preload.name == "lib" && preload.path == "lib.wasm"));
        assert!(preload("lib.wasm").is_err() && preload("lib=").is_err());
    }
}
