//! The larger example programs, driven by the clients that people use: natively and as guests of a host.
//!
//! A guest has no way to be such a test, so there is none of this on WebAssembly targets.

#![cfg(all(unix, not(target_family = "wasm")))]
#![forbid(unsafe_code)]

mod browser;
mod dns;
mod graceful;
mod http;
mod hyper;
mod irc_client;
mod protocols;
mod proxy;
mod raw;
mod redis;
mod tls;
mod websocket;

use std::time::Duration;

/// How long anything that has to happen may take, once a program runs.
const LIMIT: Duration = Duration::from_secs(60);
