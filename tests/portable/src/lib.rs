//! The attribute of portable tests: `use selectio_portable::test;` in front of `#[test]` makes that the one of
//! wasm-bindgen's harness on wasm32-unknown-unknown, which has no other, and leaves it as it is elsewhere.
//!
//! The gate is exactly that target: on wasm32-wasip1 the same attribute makes tests that silently don't run.

#![forbid(unsafe_code)]

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use std::prelude::v1::test;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;
