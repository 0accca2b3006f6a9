//! The tests of the library: the same bodies on every target, with a world outside that plays the clients.

mod addresses;
mod backpressure;
mod bad_input;
mod blocking;
mod calm;
mod clients;
mod closing;
mod connect;
mod contract;
mod conversation;
mod datagrams;
mod delegate;
mod dispatcher;
mod errors;
mod fairness;
mod handlers;
mod limits;
mod line_ends;
mod lines;
#[cfg_attr(not(all(target_family = "wasm", target_os = "unknown")), path = "outside/real.rs")]
#[cfg_attr(all(target_family = "wasm", target_os = "unknown"), path = "outside/simulated.rs")]
mod outside;
mod pitfalls;
mod programs;
mod proxy;
mod readiness;
mod sending;
mod socket_timers;
mod sockets;
mod streaming;
mod support;
mod timers;
mod unsupported;
