//! TLS on a socket, by rustls.

use std::any::Any;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use selectio_platform::explained_as;

use super::session::{Encryption, Session};
use super::{AsyncSocket, wrong_state};
use crate::error::{in_operation, misuse};
use crate::line_reader::LineReader;
use crate::send_queue::SendQueue;
use crate::status::SocketStatus;

/// # TLS
///
/// With the feature `tls`. Everything else is as on any other connection: the same handlers, calls, limits and errors.
/// What is sent before the handshake is done waits for it. [`shutdown`](AsyncSocket::shutdown) and the calls that close
/// say so with a `close_notify` when everything has left; a peer that goes without one is an `UnexpectedEof` of the
/// call that reads, after all that came before it.
impl AsyncSocket {
    /// Every connection that this listener accepts from now on speaks TLS: it is connected when it is accepted, and
    /// [`set_handle_handshake`](AsyncSocket::set_handle_handshake) tells when the peers have agreed.
    /// [`tls::server_config`](crate::tls::server_config) makes a configuration of two files; one that is made with rustls can
    /// do whatever that can: choose certificates by name, ask clients for theirs, name protocols.
    ///
    /// # Errors
    /// `InvalidInput` unless the socket is idle or listens.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use selectio::{AsyncSocket, Dispatcher, tls};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let server = AsyncSocket::listener("127.0.0.1:7000")?;
    /// server.set_tls(tls::server_config("cert.pem", "key.pem")?)?;
    /// server.set_handle_accept(|server, dispatcher| {
    ///     while let Some(client) = server.accept()? {
    ///         client.set_handle_read(|client, _| {
    ///             while let Some(line) = client.read_line()?.full() {
    ///                 client.send(line.with_newline())?;
    ///             }
    ///             Ok(())
    ///         });
    ///         dispatcher.register(&client)?;
    ///     }
    ///     Ok(())
    /// });
    /// dispatcher.register(&server)?;
    /// dispatcher.run()
    /// # }
    /// ```
    #[doc(alias = "acceptAddrSSL")]
    pub fn set_tls(&self, config: Arc<ServerConfig>) -> io::Result<()> {
        match self.status() {
            SocketStatus::Idle | SocketStatus::Listening => {}
            status => return Err(wrong_state("set_tls", status, "use start_tls_server for a connection")),
        }
        self.set_session_maker(Rc::new(move || Ok(Box::new(server_session(&config)?))));
        Ok(())
    }

    /// Turns an open connection into a TLS one, of which this program is the server, as for STARTTLS: from here on. What
    /// was sent before leaves as it is; what was received and not read counts as the client's first TLS message, so
    /// nothing that came unencrypted is ever taken for something that didn't.
    ///
    /// # Errors
    /// `InvalidInput` unless it is a stream that is connected or connecting, not encrypted, and its sending side is
    /// open; those of rustls for a configuration that can't be used. On a socket that is registered nowhere also those
    /// of sending.
    ///
    /// ```no_run
    /// # fn example(client: &selectio::AsyncSocket, config: std::sync::Arc<selectio::tls::rustls::ServerConfig>)
    /// # -> std::io::Result<()> {
    /// while let Some(line) = client.read_line()?.full() {
    ///     if &line[..] == b"STARTTLS" {
    ///         client.send("220 go ahead\r\n")?;
    ///         return client.start_tls_server(config);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_tls_server(&self, config: Arc<ServerConfig>) -> io::Result<()> {
        self.start_session("start_tls_server", Box::new(server_session(&config)?))
    }

    /// The same as a client, for a connection that is to speak TLS from its beginning or from here on. The peer has to
    /// prove that it is `server_name`, a name or an IP address, which also tells it whom this client wants (SNI).
    ///
    /// # Errors
    /// As for [`start_tls_server`](AsyncSocket::start_tls_server); `InvalidInput` for a name that can't be one.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use selectio::{AsyncSocket, tls};
    ///
    /// let client = AsyncSocket::connection("localhost:7000")?;
    /// client.start_tls_client(tls::client_config("roots.pem")?, "localhost")?;
    /// client.send("sent as soon as the peers have agreed\n")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_tls_client(&self, config: Arc<ClientConfig>, server_name: &str) -> io::Result<()> {
        let operation = "start_tls_client";
        let name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| misuse(operation, &format!("{server_name:?} is neither a name nor an IP address")))?;
        let connection = ClientConnection::new(config, name).map_err(|error| explain(operation, error))?;
        self.start_session(operation, Box::new(TlsSession { connection: connection.into() }))
    }

    /// How long a handshake may take, from when the connection stands or from the call that starts it; 30 seconds unless
    /// set. Then `handle_error` gets `TimedOut` and the socket is closed. What a listener has goes for the connections
    /// that it accepts later. Only a dispatcher watches the time: the socket has to be registered.
    pub fn set_handshake_timeout(&self, timeout: Duration) {
        self.inner.handshake_time.set(timeout);
        if self.is_shaking_hands() && self.is_connected() && !self.is_closing() {
            self.set_deadline(Some(timeout));
        }
    }

    /// Whether the connection speaks TLS, or is about to.
    #[must_use]
    #[doc(alias = "isSSL")]
    pub fn is_tls(&self) -> bool {
        self.is_encrypted()
    }

    /// Whether the handshake is done. Inside `handle_handshake` it is.
    #[must_use]
    #[doc(alias = "gotHandshake")]
    pub fn is_handshake_done(&self) -> bool {
        self.inner.encryption.get() == Encryption::Established
    }

    /// Looks at rustls's side of the connection: the protocol that was agreed on, the peer's certificates, the name that
    /// the client wanted. `None` without TLS.
    ///
    /// ```no_run
    /// # fn example(client: &selectio::AsyncSocket) {
    /// let protocol = client.with_tls(|tls| tls.alpn_protocol().map(<[u8]>::to_vec)).flatten();
    /// # }
    /// ```
    pub fn with_tls<T>(&self, look: impl FnOnce(&Connection) -> T) -> Option<T> {
        let channel = self.inner.channel.borrow();
        let session: &dyn Any = &*channel.as_deref()?.session;
        session.downcast_ref::<TlsSession>().map(|session| look(&session.connection))
    }
}

fn server_session(config: &Arc<ServerConfig>) -> io::Result<TlsSession> {
    let connection = ServerConnection::new(config.clone()).map_err(|error| explain("start_tls_server", error))?;
    Ok(TlsSession { connection: connection.into() })
}

struct TlsSession {
    connection: Connection,
}

impl TlsSession {
    /// rustls takes a few KiB at a time, and refuses more while it has plaintext.
    fn feed(&mut self, mut received: &[u8], plain: &mut LineReader) -> io::Result<bool> {
        while !received.is_empty() {
            if self.connection.read_tls(&mut received)? == 0 {
                // It takes nothing after a close_notify.
                return Ok(true);
            }
            let state = self.connection.process_new_packets();
            self.take_plaintext(plain);
            let operation = if self.connection.is_handshaking() { "handshake" } else { "recv" };
            if state.map_err(|error| explain(operation, error))?.peer_has_closed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_plaintext(&mut self, plain: &mut LineReader) {
        // With none left it would block.
        while let Ok(length @ 1..) = self.connection.reader().read(plain.room()) {
            plain.filled(length);
        }
    }
}

impl Session for TlsSession {
    fn is_shaking_hands(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn speak(&mut self, output: &mut SendQueue) {
        let mut output = Output(output);
        while self.connection.wants_write() && self.connection.write_tls(&mut output).is_ok() {}
    }

    fn decrypt(&mut self, received: &[u8], plain: &mut LineReader, output: &mut SendQueue) -> io::Result<bool> {
        let result = self.feed(received, plain);
        self.speak(output);
        result
    }

    fn encrypt(&mut self, mut bytes: &[u8], output: &mut SendQueue) -> io::Result<()> {
        while !bytes.is_empty() {
            let length = self.connection.writer().write(bytes).map_err(|error| in_operation("send", error))?;
            bytes = &bytes[length..];
            self.speak(output);
        }
        Ok(())
    }

    fn end(&mut self, output: &mut SendQueue) {
        self.connection.send_close_notify();
        self.speak(output);
    }
}

/// Takes everything.
struct Output<'a>(&'a mut SendQueue);

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of rustls's, with what to do about it.
fn explain(operation: &str, error: Error) -> io::Error {
    let (kind, remedy) = match &error {
        // After the handshake nothing of the peer's can be wrong but by accident or on purpose.
        Error::DecryptError | Error::InvalidMessage(_) | Error::PeerMisbehaved(_) | Error::PeerSentOversizedRecord
            if operation == "recv" =>
        {
            (io::ErrorKind::ConnectionAborted, "the bytes were changed on their way, or the peer is broken")
        }
        Error::AlertReceived(_) => {
            (io::ErrorKind::ConnectionAborted, "that is the peer's word: see what it says itself")
        }
        Error::InvalidCertificate(_) => (
            io::ErrorKind::InvalidData,
            "check the peer's certificate, the name that it is for, the roots that are trusted, and the clock",
        ),
        Error::NoCertificatesPresented => {
            (io::ErrorKind::InvalidData, "the configuration wants one of every client: give the client one")
        }
        Error::InvalidMessage(_) => (io::ErrorKind::InvalidData, "see whether the peer speaks TLS here at all"),
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
            (io::ErrorKind::InvalidData, "see which versions, ciphers and protocols the peers have in common")
        }
        Error::General(_) => (
            io::ErrorKind::InvalidData,
            "where certificates are chosen by name, there has to be one for the name that the client wants",
        ),
        _ => (io::ErrorKind::InvalidData, "it comes from rustls, whose documentation says more"),
    };
    explained_as(kind, format!("{operation}: {error}: {remedy}"), io::Error::new(kind, error))
}
