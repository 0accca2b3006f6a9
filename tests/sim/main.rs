//! The portable tests once more, natively in a simulated network; and what can only be tested there.
#![cfg(not(target_family = "wasm"))]

#[path = "../it/addresses.rs"]
mod addresses;
#[path = "../it/backpressure.rs"]
mod backpressure;
#[path = "../it/bad_input/mod.rs"]
mod bad_input;
#[path = "../it/blocking.rs"]
mod blocking;
#[path = "../it/calm.rs"]
mod calm;
#[path = "../it/clients.rs"]
mod clients;
#[path = "../it/closing.rs"]
mod closing;
mod closing_states;
#[path = "../it/connect.rs"]
mod connect;
#[path = "../it/contract.rs"]
mod contract;
#[path = "../it/conversation.rs"]
mod conversation;
mod costs;
#[path = "../it/datagrams.rs"]
mod datagrams;
#[path = "../it/delegate.rs"]
mod delegate;
#[path = "../it/dispatcher.rs"]
mod dispatcher;
#[path = "../it/errors.rs"]
mod errors;
mod exhaustive;
#[path = "../it/fairness.rs"]
mod fairness;
#[path = "../it/handlers.rs"]
mod handlers;
#[path = "../it/limits.rs"]
mod limits;
#[path = "../it/line_ends.rs"]
mod line_ends;
#[path = "../it/lines.rs"]
mod lines;
mod network;
#[path = "../it/outside/simulated.rs"]
mod outside;
#[path = "../it/pitfalls.rs"]
mod pitfalls;
#[path = "../it/programs.rs"]
mod programs;
#[path = "../it/proxy.rs"]
mod proxy;
mod rare_states;
#[path = "../it/readiness.rs"]
mod readiness;
#[path = "../it/sending.rs"]
mod sending;
#[path = "../it/socket_timers.rs"]
mod socket_timers;
#[path = "../it/sockets.rs"]
mod sockets;
#[path = "../it/streaming.rs"]
mod streaming;
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
