//! Passes every connection on to another address, in both directions, no faster than the slower side takes it; and
//! shows how a server ends when it is asked to: it accepts nobody any more, lets its clients finish, and exits with 0.
//!
//! ```sh
//! cargo run --example proxy -- 127.0.0.1:7000 --to 127.0.0.1:8000
//! cargo run --target wasm32-wasip2 --example proxy -- 127.0.0.1:7000 --to 127.0.0.1:8000
//! nc 127.0.0.1 7000
//! ```
//!
//! TLS on either side, or on both, is two lines of the program each:
//!
//! ```sh
//! cargo run --example proxy -- 127.0.0.1:7443 --to 127.0.0.1:8000 --tls-cert cert.pem --tls-key key.pem
//! cargo run --example proxy -- 127.0.0.1:7000 --to example.org:443 --to-tls
//! ```
//!
//! For a preview1 guest the host connects, so there is one client for each `--tcpconnect`:
//!
//! ```sh
//! selectio run --tcplisten 127.0.0.1:7000 --tcpconnect 127.0.0.1:8000 proxy.wasm 127.0.0.1:7000 --to 127.0.0.1:8000
//! ```

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use selectio::tls::rustls::ClientConfig;
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError, pipe, tls};

const USAGE: &str = "usage: proxy [ADDRESS] --to ADDRESS [OPTION]...\n
Passes every connection to ADDRESS, 127.0.0.1:7000 unless given, on to the other one. Both are HOST:PORT
or the path of a Unix socket; to a preview1 guest its host passes both. Ctrl-C ends it when the
connections are done, a second one at once.

  --to ADDRESS               where connections are passed on to
  --connect-timeout SECONDS  how long each address of it may take to answer; 10 unless given
  --tls-cert FILE            speak TLS with clients, by this chain of certificates (PEM)
  --tls-key FILE             and the key to it (PEM)
  --to-tls                   speak TLS with where connections are passed on to
  --to-ca FILE               trust these roots there (PEM), /etc/ssl/certs/ca-certificates.crt unless given
  --to-name NAME             expect this name in its certificate, in place of the host of its address
  -h, --help                 this text";

/// What the command line says.
struct Options {
    address: String,
    target: Target,
    /// The certificates and the key.
    tls: Option<(PathBuf, PathBuf)>,
}

/// Where connections are passed on to.
struct Target {
    address: String,
    connect_timeout: Duration,
    /// The roots that are trusted, and the name to expect.
    tls: Option<(PathBuf, String)>,
}

fn main() -> Result<(), MainError> {
    let Options { address, target, tls } = options();
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address)?;
    if let Some((certificates, key)) = tls {
        server.set_tls(tls::server_config(certificates, key)?)?;
    }
    let target_config = target.tls.as_ref().map(|(roots, _)| tls::client_config(roots)).transpose()?;
    println!("proxy: listening on {server}, passing on to {}", target.address);
    server.set_handle_accept(move |server, dispatcher| {
        while let Some((client, peer)) = server.accept_addr()? {
            if let Err(error) = pass_on(&client, peer, &target, target_config.clone(), dispatcher) {
                eprintln!("proxy: {}: {error}", target.address);
                client.close()?;
            }
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    end_when_asked(&server, &dispatcher)?;
    Ok(dispatcher.run()?)
}

/// Whatever goes wrong on one side closes both, and nobody else.
fn pass_on(
    client: &AsyncSocket,
    peer: Option<SocketAddr>,
    to: &Target,
    config: Option<Arc<ClientConfig>>,
    dispatcher: &Dispatcher,
) -> io::Result<()> {
    let upstream = AsyncSocket::connection(&to.address)?;
    upstream.set_connect_timeout(to.connect_timeout);
    if let (Some(config), Some((_, name))) = (config, &to.tls) {
        upstream.start_tls_client(config, name)?;
    }
    let address = to.address.clone();
    upstream.set_handle_error(move |_, _, error| eprintln!("proxy: {address}: {error}"));
    client.set_handle_error(move |_, _, error| match peer {
        Some(peer) => eprintln!("proxy: client {peer}: {error}"),
        None => eprintln!("proxy: a client: {error}"),
    });
    pipe(client, &upstream);
    pipe(&upstream, client);
    dispatcher.register(client)?;
    dispatcher.register(&upstream)
}

/// Where no signals are passed on, the host just ends the program.
fn end_when_asked(server: &AsyncSocket, dispatcher: &Dispatcher) -> Result<(), MainError> {
    let Ok(signals) = Delegate::signals() else { return Ok(()) };
    let server = server.clone();
    signals.set_handle_read(move |signals, dispatcher| {
        server.close()?;
        signals.close()?;
        println!("proxy: ending, {} sockets are open; once more ends it now", dispatcher.len());
        Ok(())
    });
    Ok(dispatcher.register(&signals)?)
}

fn options() -> Options {
    parsed().unwrap_or_else(|error| {
        eprintln!("proxy: {error}; see --help");
        std::process::exit(2);
    })
}

fn parsed() -> Result<Options, lexopt::Error> {
    let (mut address, mut to, mut connect_timeout) = (None, None, Duration::from_secs(10));
    let (mut certificates, mut key, mut to_tls, mut ca, mut name) = (None, None, false, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Arg::Value(value) if address.is_none() => address = Some(address_in(value)?),
            Arg::Long("to") => to = Some(address_in(arguments.value()?)?),
            Arg::Long("connect-timeout") => connect_timeout = arguments.value()?.parse_with(seconds)?,
            Arg::Long("tls-cert") => certificates = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("tls-key") => key = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("to-tls") => to_tls = true,
            Arg::Long("to-ca") => ca = Some(PathBuf::from(arguments.value()?)),
            Arg::Long("to-name") => name = Some(arguments.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let to = to.ok_or("where to pass connections on to is missing: --to HOST:PORT")?;
    let tls = match (certificates, key) {
        (Some(certificates), Some(key)) => Some((certificates, key)),
        (None, None) => None,
        _ => return Err("--tls-cert and --tls-key belong together".into()),
    };
    if !to_tls && (ca.is_some() || name.is_some()) {
        return Err("--to-ca and --to-name are for --to-tls".into());
    }
    let host = to.rsplit_once(':').map_or("localhost", |(host, _)| host.trim_matches(['[', ']'])).to_owned();
    let roots = ca.unwrap_or(PathBuf::from("/etc/ssl/certs/ca-certificates.crt"));
    let target_tls = to_tls.then(|| (roots, name.unwrap_or(host)));
    let target = Target { address: to, connect_timeout, tls: target_tls };
    Ok(Options { address: address.unwrap_or("127.0.0.1:7000".to_owned()), target, tls })
}

fn address_in(argument: OsString) -> Result<String, lexopt::Error> {
    let text = argument.string()?;
    let has_port = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if has_port || text.contains('/') {
        return Ok(text);
    }
    Err(format!("{text:?} is no address: write 127.0.0.1:7000, or a path with a slash in it").into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or("expected a number of seconds above 0".to_owned())
}
