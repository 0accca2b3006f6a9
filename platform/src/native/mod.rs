//! The native world: sockets of the program's own, waited for with what the system has. What the systems have in common
//! is here; where unix and Windows differ, each has its own in a folder.

mod accept;
pub mod for_hosts;
mod options;
mod selector;
mod sockets;
mod waker;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        use unix as system;
    } else {
        mod windows;
        use windows as system;
    }
}

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use system::{Borrowed, activation, pair, signals, socket_file, stdin, syscalls};

use crate::{
    Address, Backend, Caps, Connect, Descriptor, Domain, IntegerOption, Interest, Platform, Preopen, Protocol,
    Selector, Shutdown, SocketOption, Type, Wake,
};

/// Unix and Windows, with everything that the boundary names.
pub struct Native;

impl Platform for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn caps(&self) -> Caps {
        Caps { listen: true, connect: true, datagrams: true, addresses: true, options: true, waker: true }
    }

    fn now(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }

    fn selector(&self, backend: Backend) -> io::Result<Box<dyn Selector>> {
        selector::new(backend)
    }

    fn wait(&self, descriptor: &Descriptor, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        selector::wait(descriptor, interest, timeout)
    }

    fn take_preopened(&self, wanted: &mut dyn FnMut(&Preopen) -> bool) -> io::Result<Option<Preopen>> {
        crate::preopens::take(activation::discover, wanted)
    }

    fn socket(&self, domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Descriptor> {
        sockets::socket(domain, kind, protocol)
    }

    fn adopt(&self, descriptor: &Descriptor) -> io::Result<Type> {
        let kind = sockets::type_of(descriptor)?;
        syscalls::set_nonblocking_and_cloexec(descriptor.fd()?)?;
        if kind == Type::Stream {
            sockets::set_no_delay(descriptor);
        }
        Ok(kind)
    }

    fn option(&self, socket: &Descriptor, option: SocketOption) -> io::Result<bool> {
        options::get(socket, option)
    }

    fn set_option(&self, socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
        options::set(socket, option, on)
    }

    fn integer_option(&self, socket: &Descriptor, option: IntegerOption) -> io::Result<u32> {
        options::get_integer(socket, option)
    }

    fn set_integer_option(&self, socket: &Descriptor, option: IntegerOption, value: u32) -> io::Result<()> {
        options::set_integer(socket, option, value)
    }

    fn bind(&self, socket: &Descriptor, address: &Address) -> io::Result<()> {
        sockets::borrow(socket)?.bind(&sockets::to_sock_addr(address)?)
    }

    fn bind_path(&self, socket: &Descriptor, path: &Path) -> io::Result<Box<dyn Any>> {
        socket_file::bind(socket, path)
    }

    fn listen(&self, socket: &Descriptor, backlog: u32) -> io::Result<()> {
        sockets::borrow(socket)?.listen(i32::try_from(backlog).unwrap_or(i32::MAX))
    }

    fn accept(&self, listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)> {
        accept::accept(listener)
    }

    fn connect(&self, socket: &Descriptor, address: &Address) -> io::Result<Connect> {
        sockets::connect(socket, address)
    }

    fn connect_result(&self, socket: &Descriptor) -> io::Result<()> {
        sockets::connect_result(socket)
    }

    fn recv(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        sockets::recv(socket, buffer)
    }

    fn send(&self, socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        sockets::send(socket, buffers)
    }

    fn recv_from(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<(usize, Option<Address>)> {
        let (length, address) = syscalls::recv_from(socket.fd()?, buffer)?;
        Ok((length, address.map(|address| sockets::from_sock_addr(&address))))
    }

    fn send_to(&self, socket: &Descriptor, bytes: &[u8], address: &Address) -> io::Result<usize> {
        sockets::send_to(socket, bytes, address)
    }

    fn read(&self, descriptor: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        syscalls::read(descriptor.fd()?, buffer)
    }

    fn write(&self, descriptor: &Descriptor, bytes: &[u8]) -> io::Result<usize> {
        syscalls::write(descriptor.fd()?, bytes)
    }

    fn unsent(&self, socket: &Descriptor) -> Option<usize> {
        syscalls::unsent(socket.fd().ok()?)
    }

    fn shutdown(&self, socket: &Descriptor, how: Shutdown) -> io::Result<()> {
        sockets::borrow(socket)?.shutdown(match how {
            Shutdown::Read => std::net::Shutdown::Read,
            Shutdown::Write => std::net::Shutdown::Write,
            Shutdown::Both => std::net::Shutdown::Both,
        })
    }

    fn close(&self, descriptor: Descriptor) -> io::Result<()> {
        descriptor.into_closable()?.map_or(Ok(()), syscalls::close)
    }

    fn local_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        sockets::borrow(socket)?.local_addr().map(|address| sockets::from_sock_addr(&address))
    }

    fn peer_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        sockets::borrow(socket)?.peer_addr().map(|address| sockets::from_sock_addr(&address))
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    fn stdin(&self) -> io::Result<Descriptor> {
        Ok(stdin::open()?.into())
    }

    fn waker(&self) -> io::Result<(Descriptor, Arc<dyn Wake>)> {
        let (reader, waker) = waker::open()?;
        Ok((reader, Arc::new(waker)))
    }

    fn signals(&self) -> io::Result<Descriptor> {
        signals::open()
    }
}
