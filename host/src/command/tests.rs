//! The command line: whatever it is told, it answers.

use super::{Command, CommandLine, grammar, one_line};
use std::ffi::OsString;

/// What people type, right and wrong. Nothing that asks for help: Wasmtime's own reader ends the process then.
const WORDS: [&str; 40] = [
    "--tcplisten",
    "127.0.0.1:0",
    "web=127.0.0.1:0",
    "--unixlisten",
    "",
    "=",
    "--tcpconnect",
    "--listenfd",
    "--nagle",
    "--dir",
    "/::/::ro",
    "::",
    "a::b::c::d",
    "--env",
    "KEY=VALUE",
    "=VALUE",
    "--argv0",
    "--invoke",
    "--preload",
    "a=b.wasm",
    "--workers",
    "0",
    "2",
    "-1",
    "--timeout",
    "5s",
    "soon",
    "--max-memory",
    "64M",
    "1T",
    "--grace",
    "-W",
    "fuel=5,timeout=1",
    "-Shttp",
    "-S",
    "tcplisten=127.0.0.1:0,,",
    "--nonsense",
    "--",
    "\u{1b}[31m\r\n",
    "app.wasm",
];

/// Pseudo-random numbers (xorshift), the same ones each time.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

#[test]
fn the_definition_holds_together() {
    grammar().debug_assert();
}

#[test]
fn whatever_is_typed_is_taken_or_refused_in_one_line() {
    let mut numbers = numbers();
    let mut taken = 0;
    for _ in 0..5_000 {
        let count = 1 + numbers.next().unwrap_or_default() % 6;
        let chosen = numbers.by_ref().take(count as usize);
        let typed: Vec<&str> = chosen.map(|number| WORDS[number as usize % WORDS.len()]).collect();
        let words = ["selectio", "run"].into_iter().chain(typed.iter().copied());
        match CommandLine::from_words(words.map(OsString::from)) {
            Ok(CommandLine { command: Command::Run(run) }) => {
                taken += 1;
                // The program and its arguments are the last words, as they were written.
                let name = run.module_name();
                assert!(typed.contains(&name.as_str()), "{name:?} of {typed:?}");
            }
            Ok(_) => panic!("{typed:?} is no other command"),
            Err(error) => {
                let line = one_line(&error);
                assert!(!line.is_empty() && !line.contains('\n'), "{line:?} for {typed:?}");
            }
        }
    }
    assert!(taken > 500, "only {taken} were taken");
}
