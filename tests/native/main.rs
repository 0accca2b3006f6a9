//! What only the native world has: thousands of descriptors in one process, limits of the process,
//! socket activation, panics that unwind.
#![cfg(not(target_family = "wasm"))]

#[cfg(unix)]
mod activation;
mod allocations;
mod builder;
#[cfg(unix)]
mod cost;
// What source says is the same on every system.
#[cfg(unix)]
mod coverage;
mod crowd;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod exhaustion;
#[cfg(unix)]
mod families;
#[cfg(unix)]
mod original;
mod panics;
#[cfg(unix)]
mod paths;
mod remote;
#[cfg(target_os = "linux")]
mod system_calls;
mod timers;
mod wakers;

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use selectio::{AsyncSocket, Dispatcher};

/// A dispatcher with an echo server, and the address of that.
fn echo_server() -> (Dispatcher, SocketAddr) {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    server.set_handle_accept(|server, dispatcher| {
        while let Some(client) = server.accept()? {
            client.set_handle_read(|client, _| {
                while let Some(line) = client.read_line()?.full() {
                    client.send(line.with_newline())?;
                }
                Ok(())
            });
            dispatcher.register(&client)?;
        }
        Ok(())
    });
    dispatcher.register(&server).expect("it is open");
    let address = server.local_addr().expect("it is bound").inet().expect("an internet address");
    (dispatcher, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a stream");
    stream
}

/// Polls until `condition` holds.
#[track_caller]
fn poll_until(dispatcher: &Dispatcher, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        dispatcher.poll(Duration::from_millis(5)).expect("polling works");
    }
}

/// Raises the limit of the process to its highest value, and says when that is too low. Windows has no such limit.
fn allow_descriptors(count: u64) {
    #[cfg(unix)]
    {
        let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
        assert!(limit > count, "this test needs {count} descriptors: raise `ulimit -Hn`");
    }
    #[cfg(windows)]
    let _ = count;
}
