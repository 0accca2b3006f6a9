//! A client that comes back needs no certificates again.

use selectio::tls::rustls::HandshakeKind;

use crate::support::test;
use crate::tls_client::{SERVER, TlsClient, VERSIONS, client_config, echo_lines, serve, server_config};

#[test]
fn a_session_is_resumed() {
    let world = serve(server_config(SERVER), echo_lines);
    for version in VERSIONS {
        let config = client_config(version);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut client = TlsClient::new(world.peer.connect(), config.clone());
            client.say("again\n");
            client.step_until(&world, "the line comes back", |client| client.plain == b"again\n");
            assert_eq!(client.tls.handshake_kind(), Some(kind), "{version:?}");
            client.tls.send_close_notify();
            client.step_until(&world, "the server ends it", |client| client.is_ended);
        }
    }
}
