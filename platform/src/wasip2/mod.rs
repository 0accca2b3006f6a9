//! WASI preview2: sockets of the program's own, as far as the host grants them, waited for with `wasi:io/poll`.
//!
//! It speaks to the host itself. The standard library and libc would do for sockets, but they read once for each wait, after
//! which the next wait is for nothing, and they tell a reset from an end only now and then. BENCHMARKS.md has both ways.

mod addresses;
mod closing;
mod errors;
mod hostcalls;
mod options;
mod resource;
mod selector;
mod shutdown;
mod stream;
mod tcp;
mod udp;

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::streams::StreamError;
use wasip2::sockets::network::IpAddressFamily;

use crate::error::{no_such_backend, unsupported};
use crate::{
    Address, Backend, Caps, Connect, Descriptor, Domain, IntegerOption, Interest, Platform, Preopen, Protocol,
    Selector, Shutdown, SocketOption, Type, Wake,
};
pub use resource::Resource;
use resource::{Input, Kind};
use shutdown::ShutdownRequest;
use tcp::Tcp;
use udp::Udp;

/// What messages call this world.
const NAME: &str = "wasip2";
const USE_THE_INTERNET: &str = "use an internet address, such as 127.0.0.1:7000";
const NO_SIGNALS: &str = "this host passes no signals on and simply ends the program; `selectio run` does";

/// A component under a host of preview2.
pub struct Wasip2;

impl Wasip2 {
    fn refuse<T>(&self, operation: &str, remedy: &str) -> io::Result<T> {
        Err(unsupported(operation, self.name(), remedy))
    }
}

impl Platform for Wasip2 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn caps(&self) -> Caps {
        Caps { listen: true, connect: true, datagrams: true, addresses: true, options: true, waker: false }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn selector(&self, backend: Backend) -> io::Result<Box<dyn Selector>> {
        if backend != Backend::Default {
            return Err(no_such_backend(backend, self.name()));
        }
        Ok(Box::new(selector::PollList::new()))
    }

    fn take_preopened(&self, _: &mut dyn FnMut(&Preopen) -> bool) -> io::Result<Option<Preopen>> {
        // Hosts of preview2 pass no sockets.
        Ok(None)
    }

    fn socket(&self, domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Descriptor> {
        let family = match domain {
            Domain::Ipv4 => IpAddressFamily::Ipv4,
            Domain::Ipv6 => IpAddressFamily::Ipv6,
            Domain::Unix => return self.refuse("a Unix socket", USE_THE_INTERNET),
        };
        let kind = match (kind, protocol) {
            (Type::Stream, None | Some(Protocol::Tcp)) => Kind::Tcp(Tcp::new(family)?),
            (Type::Datagram, None | Some(Protocol::Udp)) => Kind::Udp(Udp::new(family)?),
            _ => return self.refuse("a socket of this type", "use a stream or datagrams, over the internet"),
        };
        Ok(Resource::new(kind).into())
    }

    fn adopt(&self, descriptor: &Descriptor) -> io::Result<Type> {
        match &descriptor.resource()?.kind {
            Kind::Tcp(_) => Ok(Type::Stream),
            Kind::Udp(_) => Ok(Type::Datagram),
            _ => Err(crate::error::not_a_socket("standard input or the signals")),
        }
    }

    fn wait(&self, descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        selector::wait(descriptor, interest, timeout)
    }

    fn option(&self, socket: &Descriptor, option: SocketOption) -> io::Result<bool> {
        options::get(socket.resource()?, option)
    }

    fn set_option(&self, socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
        options::set(socket.resource()?, option, on)
    }

    fn integer_option(&self, socket: &Descriptor, option: IntegerOption) -> io::Result<u32> {
        options::get_integer(socket.resource()?, option)
    }

    fn set_integer_option(&self, socket: &Descriptor, option: IntegerOption, value: u32) -> io::Result<()> {
        options::set_integer(socket.resource()?, option, value)
    }

    fn bind(&self, socket: &Descriptor, address: &Address) -> io::Result<()> {
        let address = addresses::inet(address)?;
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.bind(address),
            _ => socket.resource()?.tcp()?.bind(address),
        }
    }

    fn bind_path(&self, _: &Descriptor, _: &Path) -> io::Result<Box<dyn Any>> {
        self.refuse("binding a socket to a path", USE_THE_INTERNET)
    }

    fn listen(&self, socket: &Descriptor, backlog: u32) -> io::Result<()> {
        socket.resource()?.tcp()?.listen(backlog)
    }

    fn accept(&self, listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)> {
        let (client, peer) = listener.resource()?.tcp()?.accept()?;
        Ok((Resource::new(Kind::Tcp(client)).into(), peer))
    }

    fn connect(&self, socket: &Descriptor, address: &Address) -> io::Result<Connect> {
        let address = addresses::inet(address)?;
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.connect(address).map(|()| Connect::Done),
            _ => socket.resource()?.tcp()?.connect(address),
        }
    }

    fn connect_result(&self, socket: &Descriptor) -> io::Result<()> {
        match &socket.resource()?.kind {
            Kind::Tcp(tcp) => tcp.connect_result(),
            _ => Ok(()),
        }
    }

    fn recv(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.recv_from(buffer).map(|(length, _)| length),
            _ => socket.resource()?.tcp()?.recv(buffer),
        }
    }

    fn send(&self, socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.send(joined(buffers), None),
            _ => socket.resource()?.tcp()?.send(buffers),
        }
    }

    fn recv_from(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<(usize, Option<Address>)> {
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.recv_from(buffer).map(|(length, sender)| (length, Some(sender.into()))),
            _ => Ok((socket.resource()?.tcp()?.recv(buffer)?, None)),
        }
    }

    fn send_to(&self, socket: &Descriptor, bytes: &[u8], address: &Address) -> io::Result<usize> {
        let address = addresses::inet(address)?;
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.send(bytes.to_vec(), Some(address)),
            // A stream has one peer, whatever address is named.
            _ => socket.resource()?.tcp()?.send(&[IoSlice::new(bytes)]),
        }
    }

    fn read(&self, descriptor: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        match &descriptor.resource()?.kind {
            Kind::StandardInput(input) => read(input, buffer),
            Kind::ShutdownRequest(request) if request.take() => Ok(1.min(buffer.len())),
            Kind::ShutdownRequest(_) => Err(io::ErrorKind::WouldBlock.into()),
            Kind::Tcp(_) | Kind::Udp(_) => self.recv(descriptor, buffer),
        }
    }

    fn write(&self, descriptor: &Descriptor, bytes: &[u8]) -> io::Result<usize> {
        self.send(descriptor, &[IoSlice::new(bytes)])
    }

    fn shutdown(&self, socket: &Descriptor, how: Shutdown) -> io::Result<()> {
        match &socket.resource()?.kind {
            // As in a kernel: nobody hears of it, and this library sends nothing more.
            Kind::Udp(udp) => udp.peer_addr().map(drop),
            _ => socket.resource()?.tcp()?.shutdown(how),
        }
    }

    fn close(&self, descriptor: Descriptor) -> io::Result<()> {
        // Of another world it is not to be closed here.
        descriptor.resource()?;
        drop(descriptor);
        Ok(())
    }

    fn local_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.local_addr(),
            _ => socket.resource()?.tcp()?.local_addr(),
        }
        .map(Address::Inet)
    }

    fn peer_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        match &socket.resource()?.kind {
            Kind::Udp(udp) => udp.peer_addr(),
            _ => socket.resource()?.tcp()?.peer_addr(),
        }
        .map(Address::Inet)
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        addresses::resolve(host, port)
    }

    fn stdin(&self) -> io::Result<Descriptor> {
        Ok(Resource::new(Kind::StandardInput(Input::new(wasip2::cli::stdin::get_stdin()))).into())
    }

    fn waker(&self) -> io::Result<(Descriptor, Arc<dyn Wake>)> {
        self.refuse("waking from another thread", "there are no threads: use a timer")
    }

    fn signals(&self) -> io::Result<Descriptor> {
        match ShutdownRequest::new() {
            Some(request) => Ok(Resource::new(Kind::ShutdownRequest(request)).into()),
            None => self.refuse("hearing of signals", NO_SIGNALS),
        }
    }
}

/// A message is one, of however many buffers.
fn joined(buffers: &[IoSlice<'_>]) -> Vec<u8> {
    buffers.iter().map(|bytes| &**bytes).collect::<Vec<_>>().concat()
}

fn read(input: &Input, buffer: &mut [u8]) -> io::Result<usize> {
    match input.stream.read(buffer.len() as u64) {
        Ok(bytes) if bytes.is_empty() && !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
        Ok(bytes) => {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
        Err(StreamError::Closed) => Ok(0),
        Err(StreamError::LastOperationFailed(error)) => Err(errors::of_stream(&error)),
    }
}
