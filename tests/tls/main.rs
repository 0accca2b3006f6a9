//! Encrypted connections: the same bodies on every target, with the feature `tls`. The peer outside carries bytes; what
//! they mean a session of rustls says, here in the test.

mod failures;
#[path = "../it/outside/real.rs"]
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
