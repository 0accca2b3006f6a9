//! WASI preview1: sockets that the host opened, waited for with `poll_oneoff`.

mod capacity;
mod changes;
mod confirmation;
mod hostcalls;
mod poll_oneoff;
mod preopened;
mod subscription;
mod subscriptions;

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::change_note;
use crate::error::{no_such_backend, unsupported};
use crate::{
    Address, Backend, Caps, Connect, Descriptor, Domain, Found, IntegerOption, Interest, Platform, Preopen, Protocol,
    Ready, Selector, Shutdown, SocketOption, Type, Wake,
};

/// How to give a program its listener, for the hosts that can.
const PASS_A_LISTENER: &str = "pass the program a listening socket: \
    `selectio run --tcplisten 127.0.0.1:7000 program.wasm`, \
    or `wasmtime run -S preview2=n -S tcplisten=127.0.0.1:7000 program.wasm` (wasmtime 46 and older)";
const PASS_A_UNIX_LISTENER: &str = "pass the program a listening socket: \
    `selectio run --unixlisten /tmp/program.sock program.wasm`";
const PASS_A_STREAM: &str = "let the host connect and pass the program the open stream: \
    `selectio run --tcpconnect 127.0.0.1:7000 program.wasm`";
const HOST_SETS: &str = "the host sets the options of its sockets";
const NO_DATAGRAMS: &str =
    "preview1 has only streams: build the program for wasm32-wasip2, which has datagrams too, or use a stream";
const NO_SIGNALS: &str = "this host passes no signals on and simply ends the program; `selectio run` does";
const HOST_KNOWS: &str = "only the host knows the addresses of its sockets";

fn number(descriptor: &Descriptor) -> io::Result<wasi::Fd> {
    Ok(descriptor.fd()?.as_raw_fd().cast_unsigned())
}

/// A guest of a preview1 host.
pub struct Wasip1;

impl Wasip1 {
    fn refuse<T>(&self, operation: &str, remedy: &str) -> io::Result<T> {
        Err(unsupported(operation, self.name(), remedy))
    }
}

impl Platform for Wasip1 {
    fn name(&self) -> &'static str {
        "wasip1"
    }

    fn caps(&self) -> Caps {
        Caps { listen: false, connect: false, datagrams: false, addresses: false, options: false, waker: false }
    }

    fn now(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }

    fn selector(&self, backend: Backend) -> io::Result<Box<dyn Selector>> {
        if backend != Backend::Default {
            return Err(no_such_backend(backend, self.name()));
        }
        Ok(Box::new(poll_oneoff::PollOneoff::new()))
    }

    fn take_preopened(&self, wanted: &mut dyn FnMut(&Preopen) -> bool) -> io::Result<Option<Preopen>> {
        crate::preopens::take(preopened::discover, wanted)
    }

    fn socket(&self, _: Domain, kind: Type, _: Option<Protocol>) -> io::Result<Descriptor> {
        match kind {
            // No host passes any.
            Type::Datagram => self.refuse("making a socket for datagrams", NO_DATAGRAMS),
            _ => self.refuse("making a socket", PASS_A_LISTENER),
        }
    }

    fn adopt(&self, descriptor: &Descriptor) -> io::Result<Type> {
        hostcalls::adopt_socket(descriptor.fd()?)
    }

    fn option(&self, _: &Descriptor, _: SocketOption) -> io::Result<bool> {
        self.refuse("asking for a socket option", HOST_SETS)
    }

    fn set_option(&self, _: &Descriptor, _: SocketOption, _: bool) -> io::Result<()> {
        self.refuse("setting a socket option", HOST_SETS)
    }

    fn integer_option(&self, _: &Descriptor, _: IntegerOption) -> io::Result<u32> {
        self.refuse("asking for a socket option", HOST_SETS)
    }

    fn set_integer_option(&self, _: &Descriptor, _: IntegerOption, _: u32) -> io::Result<()> {
        self.refuse("setting a socket option", HOST_SETS)
    }

    fn bind(&self, _: &Descriptor, _: &Address) -> io::Result<()> {
        self.refuse("binding a socket", PASS_A_LISTENER)
    }

    fn bind_path(&self, _: &Descriptor, _: &Path) -> io::Result<Box<dyn Any>> {
        self.refuse("binding a socket to a path", PASS_A_UNIX_LISTENER)
    }

    fn listen(&self, _: &Descriptor, _: u32) -> io::Result<()> {
        self.refuse("listening", PASS_A_LISTENER)
    }

    fn accept(&self, listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)> {
        let client = match confirmation::take_connection(number(listener)?) {
            Some(client) => client,
            None => hostcalls::accept(listener.fd()?)?,
        };
        // The host tells no peer address, so none is made up.
        Ok((client.into(), None))
    }

    fn connect(&self, _: &Descriptor, _: &Address) -> io::Result<Connect> {
        self.refuse("connecting", PASS_A_STREAM)
    }

    fn connect_result(&self, _: &Descriptor) -> io::Result<()> {
        // The host passes streams that are connected.
        Ok(())
    }

    fn recv(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        match confirmation::take_error(number(socket)?) {
            Some(error) => Err(error),
            None => hostcalls::recv(socket.fd()?, buffer),
        }
    }

    fn send(&self, socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        hostcalls::send(socket.fd()?, buffers)
    }

    fn recv_from(&self, _: &Descriptor, _: &mut [u8]) -> io::Result<(usize, Option<Address>)> {
        self.refuse("receiving a datagram", NO_DATAGRAMS)
    }

    fn send_to(&self, _: &Descriptor, _: &[u8], _: &Address) -> io::Result<usize> {
        self.refuse("sending a datagram", NO_DATAGRAMS)
    }

    fn read(&self, descriptor: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        hostcalls::read(descriptor.fd()?, buffer)
    }

    fn write(&self, descriptor: &Descriptor, bytes: &[u8]) -> io::Result<usize> {
        hostcalls::write(descriptor.fd()?, bytes)
    }

    fn shutdown(&self, socket: &Descriptor, how: Shutdown) -> io::Result<()> {
        hostcalls::shutdown(socket.fd()?, how)
    }

    fn close(&self, descriptor: Descriptor) -> io::Result<()> {
        confirmation::forget(number(&descriptor)?);
        descriptor.into_closable()?.map_or(Ok(()), hostcalls::close)
    }

    fn local_addr(&self, _: &Descriptor) -> io::Result<Address> {
        self.refuse("asking for the local address", HOST_KNOWS)
    }

    fn peer_addr(&self, _: &Descriptor) -> io::Result<Address> {
        self.refuse("asking for the peer's address", HOST_KNOWS)
    }

    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        self.refuse("connecting or looking up a name", PASS_A_STREAM)
    }

    fn stdin(&self) -> io::Result<Descriptor> {
        Ok(Descriptor::kept(hostcalls::standard_input()))
    }

    fn waker(&self) -> io::Result<(Descriptor, Arc<dyn Wake>)> {
        self.refuse("waking from another thread", "there are no threads: use a timer")
    }

    fn signals(&self) -> io::Result<Descriptor> {
        match hostcalls::fdstat(hostcalls::SHUTDOWN_FD) {
            Ok(_) => Ok(Descriptor::kept(hostcalls::shutdown_requests())),
            Err(_) => self.refuse("hearing of signals", NO_SIGNALS),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn standard_input_is_watched_once_and_never_closed() {
        let [first, second] = [(); 2].map(|()| Wasip1.stdin().expect("it is always there"));
        let mut selector = Wasip1.selector(Backend::Default).expect("a selector");
        selector.add(&first, 0, Interest::READ).expect("it is not watched yet");
        let error = selector.add(&second, 1, Interest::READ).expect_err("it is the same number");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        selector.remove(&first).expect("it is watched");
        Wasip1.close(first).expect("there is nothing to close");
        drop(second);
        assert!(hostcalls::fdstat(0).is_ok(), "it is still open");
    }

    #[test]
    fn what_the_process_keeps_for_ever_can_not_be_given_away() {
        let error = OwnedFd::try_from(Wasip1.stdin().expect("it is always there")).expect_err("nobody owns it");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_host_passes_signals_on_or_the_error_says_which_one_does() {
        match Wasip1.signals() {
            Ok(signals) => {
                assert!(!Wasip1.is_ready(&signals, Interest::READ).expect("it can be watched"));
                Wasip1.close(signals).expect("there is nothing to close");
                Wasip1.signals().expect("it is still there");
            }
            Err(error) => assert!(error.to_string().contains("`selectio run` does"), "{error}"),
        }
    }
}
