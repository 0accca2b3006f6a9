//! The versions of what the programs are compared with, and of the clients.

use std::process::{Command, Stdio};

use super::installed;
use crate::machine;

/// The packages whose versions matter for the figures.
const PACKAGES: [&str; 6] = ["hyper", "tokio", "mio", "httparse", "tokio-tungstenite", "tungstenite"];

/// Programs that may be installed, how they are asked, and what comes before the version in their answer.
const INSTALLED: [(&str, &str, &str); 4] = [
    ("nginx", "-v", "nginx/"),
    ("redis-server", "--version", "v="),
    ("redis-benchmark", "--version", "redis-benchmark "),
    ("wrk", "--version", "wrk "),
];

/// All of them, as far as they are there.
pub fn of_peers() -> Vec<String> {
    let installed = INSTALLED.into_iter().filter_map(|(name, argument, before)| {
        // Some of them tell it as an error.
        let output = Command::new(installed::look_for(name)?).arg(argument).stdin(Stdio::null()).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some(format!("{name} {}", version(&String::from_utf8_lossy(&text), before)?))
    });
    machine::locked(&PACKAGES).into_iter().chain(installed).collect()
}

fn version<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_in_what_programs_answer() {
        let found = |text, before| version(text, before);
        assert_eq!(found("nginx version: nginx/1.22.1\n", "nginx/"), Some("1.22.1"));
        assert_eq!(found("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0\n", "v="), Some("7.0.15"));
        assert_eq!(found("redis-benchmark 7.0.15\n", "redis-benchmark "), Some("7.0.15"));
        assert_eq!(found("wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012\n", "wrk "), Some("debian/4.1.0-3+b2"));
        assert_eq!(found("unknown option\n", "wrk "), None);
    }
}
