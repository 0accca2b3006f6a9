//! Components: programs for WASI 0.2, built for wasm32-wasip2.
//!
//! They differ from modules in all that they are given: sockets are the program's own, as far as the network is granted,
//! nothing has a number, and a wait is for resources of `wasi:io/poll`. All of that is wasmtime-wasi's own, asynchronous
//! implementation, on a runtime of the guest's own thread, so that each wait of the guest is a future: one place
//! (`run.rs`) ends all of them. `interfaces/` has what this host does otherwise.

mod guest;
mod interfaces;
mod program;
mod run;
mod unfit;
mod world;

pub(crate) use guest::ComponentGuest;
pub(crate) use program::ComponentProgram;
pub(crate) use unfit::{check, check_module};
