//! The metrics that `--metrics` asks for: served over HTTP, by a thread with the event loop of this project, and
//! printed on SIGUSR1.

mod exposition;
mod http;

use exposition::Exposition;
use http::{HEAD_LENGTH_MAX, Head, Progress};
use selectio::{AsyncSocket, Dispatcher, SocketStatus};
use selectio_host::{Error, Statistics};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// How many clients are served at once.
const CLIENTS_MAX: usize = 64;

/// A client has this time for its request, and then as much for taking the response.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Listens on `address`, says where, and serves `statistics` as soon as they are known: who asks before that waits.
///
/// # Errors
/// The address can't be had.
pub(crate) fn serve(address: &str, statistics: Arc<OnceLock<Statistics>>) -> Result<(), Error> {
    let refused = |error: io::Error| Error::Host {
        reason: format!(
            "can't serve metrics on {address}: {error}; write HOST:PORT of this machine, with port 0 for any free one"
        ),
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let listening = listener.local_addr().map_err(refused)?;
    let serve = move || {
        let result = run(listener, Exposition::new(statistics.wait().clone()));
        let reason = result.err().map_or("the listener is closed".to_owned(), |error| error.to_string());
        crate::say(&format!("selectio: metrics are served no more: {reason}"));
    };
    thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(refused)?;
    crate::say(&format!("selectio: metrics on http://{listening}/metrics"));
    Ok(())
}

/// Prints the metrics to standard error.
#[cfg(unix)]
pub(crate) fn print(statistics: &Statistics) {
    crate::say(Exposition::new(statistics.clone()).text().trim_end());
}

/// Serves for ever, unless the listener fails.
fn run(listener: TcpListener, exposition: Exposition) -> io::Result<()> {
    let exposition = Rc::new(exposition);
    let dispatcher = Dispatcher::builder().registered_max(CLIENTS_MAX + 1).build()?;
    dispatcher.set_handle_error(|_, error| log::info!("metrics: {error}"));
    let listener = AsyncSocket::from_descriptor(listener, SocketStatus::Listening)?;
    listener.set_handle_accept(move |listener, dispatcher| {
        while let Some(client) = listener.accept()? {
            match welcome(&client, &exposition, dispatcher) {
                Err(error) if error.kind() == ErrorKind::QuotaExceeded => finish(&client, &http::too_many())?,
                result => result?,
            }
        }
        Ok(())
    });
    dispatcher.register(&listener)?;
    dispatcher.run()
}

fn welcome(client: &AsyncSocket, exposition: &Rc<Exposition>, dispatcher: &Dispatcher) -> io::Result<()> {
    client.set_line_length_max(HEAD_LENGTH_MAX);
    client.set_close_timeout(TIME_MAX);
    let (head, exposition) = (RefCell::new(Head::default()), Rc::clone(exposition));
    client.set_handle_read(move |client, _| read(client, &mut head.borrow_mut(), &exposition));
    dispatcher.register(client)?;
    client.call_after(dispatcher, TIME_MAX, |client, _| finish(client, &http::too_slow()));
    Ok(())
}

/// Takes in what has arrived of the request, and answers when it is whole.
fn read(client: &AsyncSocket, head: &mut Head, exposition: &Exposition) -> io::Result<()> {
    loop {
        let line = match client.read_line() {
            Err(error) if error.kind() == ErrorKind::InvalidData => return finish(client, &http::too_long()),
            line => line?,
        };
        let Some(line) = line.full() else { return Ok(()) };
        match head.add(line.with_newline()) {
            Progress::Partial => {}
            Progress::Complete => return finish(client, &head.response(|| exposition.text())),
            Progress::TooLong => return finish(client, &http::too_long()),
        }
    }
}

/// From here on what the client sends is dropped.
fn finish(client: &AsyncSocket, response: &[u8]) -> io::Result<()> {
    client.send(response)?;
    client.close_after_flush()
}
