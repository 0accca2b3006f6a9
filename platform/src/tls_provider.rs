//! The cryptography of encrypted connections, which differs between targets.

use rustls::crypto::CryptoProvider;

/// The provider of this target, its fastest ciphers first: ring natively, rustls-rustcrypto in WebAssembly.
#[must_use]
pub fn tls_provider() -> CryptoProvider {
    cfg_if::cfg_if! {
        if #[cfg(target_family = "wasm")] {
            let mut provider = rustls_rustcrypto::provider();
            // WebAssembly has no instructions for AES: in software it takes four times as long as ChaCha20. Sorting
            // keeps the rest of the order.
            provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("CHACHA20"));
            provider
        } else {
            rustls::crypto::ring::default_provider()
        }
    }
}
