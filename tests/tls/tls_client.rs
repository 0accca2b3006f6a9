//! A client outside that speaks TLS: the peer carries its bytes, rustls makes and reads them.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use selectio::tls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use selectio::tls::rustls::pki_types::pem::PemObject;
use selectio::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use selectio::tls::rustls::server::WebPkiClientVerifier;
use selectio::tls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use selectio::tls::{self};
use selectio::{AsyncSocket, Dispatcher};

use crate::support::{Client, World};

/// The files that `certificates/make` has made.
macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("certificates/", $name))
    };
}

const ROOT: &[u8] = pem!("root.pem");

/// A certificate and its key.
#[derive(Clone, Copy)]
pub struct Identity(&'static [u8], &'static [u8]);

/// For localhost, a.test and 127.0.0.1.
pub const SERVER: Identity = Identity(pem!("server.pem"), pem!("server.key.pem"));
/// For b.test alone.
pub const OTHER_NAME: Identity = Identity(pem!("other_name.pem"), pem!("other_name.key.pem"));
pub const EXPIRED: Identity = Identity(pem!("expired.pem"), pem!("expired.key.pem"));
pub const CLIENT: Identity = Identity(pem!("client.pem"), pem!("client.key.pem"));

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

impl Identity {
    fn chain(self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.0).expect("a certificate")]
    }

    fn key(self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.1).expect("a key")
    }
}

pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ROOT).expect("a certificate")).expect("a root");
    roots
}

pub fn server_config(identity: Identity) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    builder.with_single_cert(identity.chain(), identity.key()).expect("they belong together")
}

/// A server that wants a certificate of every client.
pub fn server_config_for_known_clients() -> ServerConfig {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots()), tls::provider()).build();
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_client_cert_verifier(verifier.expect("roots"));
    builder.with_single_cert(SERVER.chain(), SERVER.key()).expect("they belong together")
}

pub fn client_config(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(tls::provider()).with_protocol_versions(&[version]);
    builder.expect("a version").with_root_certificates(roots()).with_no_client_auth()
}

pub fn client_config_with_certificate(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(tls::provider()).with_protocol_versions(&[version]);
    let builder = builder.expect("a version").with_root_certificates(roots());
    builder.with_client_auth_cert(CLIENT.chain(), CLIENT.key()).expect("they belong together")
}

/// One that takes whatever the server shows.
pub fn trusting_client_config() -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(TrustsAll));
    builder.with_no_client_auth()
}

#[derive(Debug)]
struct TrustsAll;

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client's side of a connection to the server under test.
pub struct TlsClient {
    pub tls: ClientConnection,
    pub transport: Client,
    taken: usize,
    /// What the server has said.
    pub plain: Vec<u8>,
    /// What went wrong on this side.
    pub error: Option<Error>,
    /// The server has said that nothing more comes.
    pub is_ended: bool,
    /// How many bytes are sent at a time.
    pub segment_length: usize,
}

impl TlsClient {
    pub fn new(transport: Client, config: ClientConfig) -> TlsClient {
        TlsClient::to(transport, config, "localhost")
    }

    pub fn to(transport: Client, config: ClientConfig, name: &str) -> TlsClient {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a configuration");
        let (taken, plain, error, is_ended, segment_length) = (0, Vec::new(), None, false, usize::MAX);
        TlsClient { tls, transport, taken, plain, error, is_ended, segment_length }
    }

    /// One that begins behind so many bytes of cleartext.
    pub fn skipping(transport: Client, config: ClientConfig, length: usize) -> TlsClient {
        TlsClient { taken: length, ..TlsClient::new(transport, config) }
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.tls.writer().write_all(bytes.as_ref()).expect("there is room");
    }

    /// What this side has to send.
    pub fn flight(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("there is room");
        }
        bytes
    }

    /// Takes what has come, and answers it.
    pub fn step(&mut self, world: &World) {
        for segment in self.flight().chunks(self.segment_length) {
            self.transport.send(segment);
            if self.segment_length < 100 {
                world.dispatcher.poll(std::time::Duration::from_millis(1)).expect("polling works");
            }
        }
        self.take();
    }

    /// Takes what has come.
    pub fn take(&mut self) {
        let received = self.transport.received();
        let mut new = &received.bytes[self.taken.min(received.bytes.len())..];
        self.taken += new.len();
        while !new.is_empty() && self.error.is_none() {
            if self.tls.read_tls(&mut new).expect("there is room") == 0 {
                break;
            }
            match self.tls.process_new_packets() {
                Ok(state) => self.is_ended |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            let mut bytes = Vec::new();
            let _ = self.tls.reader().read_to_end(&mut bytes);
            self.plain.extend(bytes);
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.plain.clone()).expect("text")
    }

    #[track_caller]
    pub fn shake_hands(&mut self, world: &World) {
        self.step_until(world, "the handshake", |client| !client.tls.is_handshaking());
    }

    /// Goes on until `condition` holds.
    #[track_caller]
    pub fn step_until(&mut self, world: &World, what: &str, mut condition: impl FnMut(&TlsClient) -> bool) {
        let what = format!("{what} (the client's error was {:?} before)", self.error);
        let this = RefCell::new(self);
        world.poll_until(&what, || {
            let mut this = this.borrow_mut();
            this.step(world);
            condition(&this)
        });
    }
}

/// A world whose server speaks TLS, with a handler for its clients.
pub fn serve(
    config: ServerConfig,
    welcome: impl FnMut(&AsyncSocket, &Dispatcher) -> std::io::Result<()> + 'static,
) -> World {
    let world = World::new();
    world.server.set_tls(Arc::new(config)).expect("a listener");
    let welcome = Rc::new(RefCell::new(welcome));
    world.server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            welcome.borrow_mut()(&client, dispatcher)?;
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    world.dispatcher.register(&world.server).expect("it is open");
    world
}

/// Sends lines back.
pub fn echo_lines(client: &AsyncSocket, _: &Dispatcher) -> std::io::Result<()> {
    client.set_handle_read(|client, _| {
        while let Some(line) = client.read_line()?.full() {
            client.send(line.with_newline())?;
        }
        Ok(())
    });
    Ok(())
}
