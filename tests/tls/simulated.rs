//! The tests of encrypted connections once more, natively in a simulated network.

#![cfg(not(target_family = "wasm"))]

mod failures;
#[path = "../it/outside/simulated.rs"]
#[allow(dead_code, reason = "the tests without encryption need more of it")]
mod outside;
mod outward;
mod resumption;
mod starttls;
mod streams;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests without encryption need more of it")]
mod support;
mod tls_client;
