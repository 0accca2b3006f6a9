//! The portable tests once more, natively in a simulated network; and what can only be tested there.
#![cfg(not(target_family = "wasm"))]

#[path = "../it/bad_input/mod.rs"]
mod bad_input;
#[path = "../it/blocking.rs"]
mod blocking;
#[path = "../it/connect.rs"]
mod connect;
#[path = "../it/contract.rs"]
mod contract;
#[path = "../it/conversation.rs"]
mod conversation;
#[path = "../it/datagrams.rs"]
mod datagrams;
#[path = "../it/delegate.rs"]
mod delegate;
#[path = "../it/dispatcher.rs"]
mod dispatcher;
mod exhaustive;
#[path = "../it/handlers.rs"]
mod handlers;
#[path = "../it/lines.rs"]
mod lines;
mod network;
#[path = "../it/outside/simulated.rs"]
mod outside;
#[path = "../it/pitfalls.rs"]
mod pitfalls;
#[path = "../it/programs.rs"]
mod programs;
mod rare_states;
#[path = "../it/readiness.rs"]
mod readiness;
#[path = "../it/sending.rs"]
mod sending;
#[path = "../it/sockets.rs"]
mod sockets;
#[path = "../it/support/mod.rs"]
mod support;
#[path = "../it/timers.rs"]
mod timers;
#[path = "../it/unsupported.rs"]
mod unsupported;

#[test]
fn every_file_of_portable_tests_is_here() {
    let modules = |text: &'static str| text.lines().filter(|line| line.starts_with("mod "));
    let here: Vec<&str> = modules(include_str!("main.rs")).collect();
    for module in modules(include_str!("../it/main.rs")) {
        assert!(here.contains(&module), "tests/sim/main.rs lacks `{module}`");
    }
}
