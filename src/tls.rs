//! What a TLS connection is configured with, in short forms. With the feature `tls`.
//!
//! The configurations are those of [rustls](https://docs.rs/rustls/0.23), and a program that needs more than these functions
//! makes them itself, with this module's [`provider`]: the calls of [`AsyncSocket`](crate::AsyncSocket) take any. rustls is
//! here as `selectio::tls::rustls`.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use selectio::{AsyncSocket, tls};
//!
//! let server = AsyncSocket::listener("127.0.0.1:7000")?;
//! server.set_tls(tls::server_config("cert.pem", "key.pem")?)?;
//!
//! let client = AsyncSocket::connection("127.0.0.1:7000")?;
//! client.start_tls_client(tls::client_config("roots.pem")?, "localhost")?;
//! # Ok(())
//! # }
//! ```
//!
//! A server that chooses its certificate by the name that the client wants, and asks for the client's own:
//!
//! ```no_run
//! use std::io;
//! use std::sync::Arc;
//!
//! use selectio::tls::{self, rustls};
//! use rustls::pki_types::pem::PemObject;
//! use rustls::pki_types::{CertificateDer, PrivateKeyDer};
//! use rustls::server::{ResolvesServerCertUsingSni, WebPkiClientVerifier};
//! use rustls::sign::CertifiedKey;
//! use rustls::{RootCertStore, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = tls::provider();
//! let mut by_name = ResolvesServerCertUsingSni::new();
//! for name in ["a.example", "b.example"] {
//!     let chain = CertificateDer::pem_file_iter(format!("{name}.pem"))?.collect::<Result<_, _>>()?;
//!     let key = PrivateKeyDer::from_pem_file(format!("{name}.key.pem"))?;
//!     by_name.add(name, CertifiedKey::from_der(chain, key, &provider)?)?;
//! }
//! let mut roots = RootCertStore::empty();
//! roots.add(CertificateDer::from_pem_file("clients.pem")?)?;
//! let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
//! let config = ServerConfig::builder_with_provider(provider)
//!     .with_safe_default_protocol_versions()?
//!     .with_client_cert_verifier(clients)
//!     .with_cert_resolver(Arc::new(by_name));
//! # Ok(())
//! # }
//! ```
//!
//! What went wrong is in the error that `handle_error` gets, and [`error`] has rustls's own word for it.
//!
//! # Cryptography
//!
//! It is a provider's, and [`provider`] is the one that comes with this library. Natively that is ring. In WebAssembly it is
//! rustls-rustcrypto, which is pure Rust, so that nothing but cargo is needed; it is young, its authors advise against it in
//! production, and WebAssembly has no instructions for cryptography:
//!
//! | under `selectio run`, of what ring does natively | handshakes | bytes |
//! |---|--:|--:|
//! | rustls-rustcrypto, ChaCha20-Poly1305, which is preferred here | 0.07 | 0.07 |
//! | the same built with `-C target-feature=+simd128` | 0.07 | 0.09 |
//! | the same, AES-GCM | 0.07 | 0.02 |
//! | ring, built with simd128, ChaCha20-Poly1305 | 0.14 | 0.12 |
//!
//! (One core: 2,400 handshakes and 1,100 MB a second are 1.) ring needs clang in a guest's build: with
//! `CC_wasm32_wasip1=clang AR_wasm32_wasip1=llvm-ar`, and rustls's feature `ring` in the program's own `Cargo.toml`,
//! `rustls::crypto::ring::default_provider` can be given to the configurations. Where a guest has many handshakes,
//! let a native proxy speak TLS for it.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use rustls;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The cryptography that this library comes with on this target, its fastest ciphers first.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(selectio_platform::tls_provider())
}

/// A server with one certificate: the file of its chain, its own first, and that of its key, both PEM. Clients need no
/// certificate, no protocol is named, sessions can be resumed.
///
/// # Errors
/// What is wrong with the files, with the path: `NotFound` and others of opening one; `InvalidData` for what is no PEM,
/// or a key that doesn't belong to the certificate.
pub fn server_config(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Arc<ServerConfig>> {
    let (certificates, key) = (certificates.as_ref(), key.as_ref());
    let chain = read_certificates(certificates)?;
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let mut config = builder
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private_key))
        .map_err(|error| invalid(&format!("{} with {}: {error}", certificates.display(), key.display())))?;
    // What is fastest on this side, which serves many.
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// A client that trusts the roots in a PEM file, and has no certificate of its own. Linux distributions keep those of
/// the public authorities in `/etc/ssl/certs/ca-certificates.crt`.
///
/// # Errors
/// As for [`server_config`].
pub fn client_config(roots: impl AsRef<Path>) -> io::Result<Arc<ClientConfig>> {
    let path = roots.as_ref();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read_certificates(path)?);
    if roots.is_empty() {
        return Err(invalid(&format!("{}: it has no certificate that can be a root", path.display())));
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| invalid(&error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// What rustls says in an error of a handshake or of a stream: the reason for a program that does more than to print it.
///
/// ```no_run
/// # fn example(client: &selectio::AsyncSocket) {
/// use selectio::tls::{self, rustls};
///
/// client.set_handle_error(|_, _, error| match tls::error(error) {
///     Some(rustls::Error::InvalidCertificate(reason)) => println!("it is somebody else: {reason:?}"),
///     Some(other) => println!("no TLS: {other}"),
///     None => println!("no connection: {error}"),
/// });
/// # }
/// ```
#[must_use]
pub fn error(error: &io::Error) -> Option<&rustls::Error> {
    let mut source: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // One of io keeps what it is made of for itself.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        source = inner.map(|inner| inner as _).or_else(|| error.source());
    }
    None
}

fn read_certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(invalid(&format!("{}: it has no certificate: give a file in PEM", path.display())))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(path, "certificate", error)),
    }
}

fn unreadable(path: &Path, what: &str, error: pem::Error) -> io::Error {
    match error {
        pem::Error::Io(error) => selectio_platform::explained(format!("{}: {error}", path.display()), error),
        error => {
            invalid(&format!("{}: it has no {what} that can be read ({error:?}): give a file in PEM", path.display()))
        }
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}
