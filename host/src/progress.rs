//! What takes long is told while it does, to a person at a terminal.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Whoever has started a program wants to know why it says nothing after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Compiles the program `name`, and says so when it takes long.
pub(crate) fn told<T>(name: &str, compile: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return compile();
    }
    let (running, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                crate::say(&format!("selectio: compiling {name}"));
            }
        });
        let compiled = compile();
        drop(running);
        compiled
    })
}
