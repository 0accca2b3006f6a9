//! The cryptography of encrypted connections, which differs between targets.

use rustls::crypto::CryptoProvider;

/// The provider of this target: ring natively, rustls-rustcrypto in WebAssembly.
#[must_use]
pub fn tls_provider() -> CryptoProvider {
    cfg_if::cfg_if! {
        if #[cfg(target_family = "wasm")] {
            rustls_rustcrypto::provider()
        } else {
            rustls::crypto::ring::default_provider()
        }
    }
}
