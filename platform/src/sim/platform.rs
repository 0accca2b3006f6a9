//! The network as a platform.

use std::any::Any;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::descriptors::Object;
use super::network::Network;
use super::selector::SimulatedSelector;
use crate::error::{not_a_socket, unsupported};
use crate::{
    Address, Caps, Connect, Descriptor, Domain, IntegerOption, Platform, Preopen, Protocol, Selector, Shutdown,
    SocketOption, Type, Wake,
};

const NAME: &str = "simulation";

impl Platform for Network {
    fn name(&self) -> &'static str {
        NAME
    }

    fn caps(&self) -> Caps {
        Caps { listen: true, connect: true, datagrams: true, addresses: true, options: true, waker: false }
    }

    fn now(&self) -> Duration {
        self.lock().now
    }

    fn selector(&self) -> io::Result<Box<dyn Selector>> {
        Ok(Box::new(SimulatedSelector::new(self.clone())))
    }

    fn take_preopened(&self, _: &mut dyn FnMut(&Preopen) -> bool) -> io::Result<Option<Preopen>> {
        Ok(None)
    }

    fn socket(&self, domain: Domain, kind: Type, _: Option<Protocol>) -> io::Result<Descriptor> {
        if !matches!(kind, Type::Stream | Type::Datagram) {
            return Err(unsupported("making such a socket", NAME, "there are streams and datagrams"));
        }
        let number = self.lock().open_socket(domain, kind);
        Ok(self.handle(number))
    }

    fn adopt(&self, descriptor: &Descriptor) -> io::Result<Type> {
        self.call("adopt", descriptor, |state, number| match state.descriptors.object(number)? {
            Object::Datagram(_) => Ok(Type::Datagram),
            Object::StandardInput => Err(not_a_socket("standard input")),
            Object::Signals { .. } => Err(not_a_socket("that of the signals")),
            _ => Ok(Type::Stream),
        })
    }

    fn option(&self, socket: &Descriptor, option: SocketOption) -> io::Result<bool> {
        self.call("option", socket, |state, number| {
            let is_listener = matches!(state.descriptors.object(number)?, Object::Listener(_));
            let is_set = state.descriptors.get(number).is_some_and(|open| open.options.contains(&option));
            Ok(if option == SocketOption::AcceptConnections { is_listener } else { is_set })
        })
    }

    fn set_option(&self, socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
        self.call("set_option", socket, |state, number| {
            state.descriptors.object(number)?;
            if let Some(open) = state.descriptors.get_mut(number) {
                open.options.retain(|set| *set != option);
                open.options.extend(on.then_some(option));
            }
            Ok(())
        })
    }

    fn integer_option(&self, socket: &Descriptor, option: IntegerOption) -> io::Result<u32> {
        self.call("integer_option", socket, |state, number| state.integer_option(number, option))
    }

    fn set_integer_option(&self, socket: &Descriptor, option: IntegerOption, value: u32) -> io::Result<()> {
        self.call("set_integer_option", socket, |state, number| state.set_integer_option(number, option, value))
    }

    fn bind(&self, socket: &Descriptor, address: &Address) -> io::Result<()> {
        self.call("bind", socket, |state, number| state.bind(number, address))
    }

    fn bind_path(&self, socket: &Descriptor, path: &Path) -> io::Result<Box<dyn Any>> {
        self.bind(socket, &path.into())?;
        // An address is free again when its socket is closed: there is no file that could stay.
        Ok(Box::new(()))
    }

    fn listen(&self, socket: &Descriptor, backlog: u32) -> io::Result<()> {
        self.call("listen", socket, |state, number| state.listen(number, backlog))
    }

    fn accept(&self, listener: &Descriptor) -> io::Result<(Descriptor, Option<SocketAddr>)> {
        let (number, peer) = self.call("accept", listener, |state, number| state.accept(number))?;
        Ok((self.handle(number), peer.inet()))
    }

    fn connect(&self, socket: &Descriptor, address: &Address) -> io::Result<Connect> {
        self.call("connect", socket, |state, number| state.connect(number, address))
    }

    fn connect_result(&self, socket: &Descriptor) -> io::Result<()> {
        self.call("connect_result", socket, |state, number| state.connect_result(number))
    }

    fn recv(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        self.count("recv", socket, |state, number| state.recv(number, buffer))
    }

    fn send(&self, socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.count("send", socket, |state, number| state.send(number, buffers))
    }

    fn recv_from(&self, socket: &Descriptor, buffer: &mut [u8]) -> io::Result<(usize, Option<Address>)> {
        self.call("recv_from", socket, |state, number| state.receive_datagram(number, buffer))
    }

    fn send_to(&self, socket: &Descriptor, bytes: &[u8], address: &Address) -> io::Result<usize> {
        self.count("send_to", socket, |state, number| state.send_datagram(number, bytes, Some(address)))
    }

    fn read(&self, descriptor: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(descriptor, buffer)
    }

    fn write(&self, descriptor: &Descriptor, bytes: &[u8]) -> io::Result<usize> {
        self.send(descriptor, &[IoSlice::new(bytes)])
    }

    fn shutdown(&self, socket: &Descriptor, how: Shutdown) -> io::Result<()> {
        self.call("shutdown", socket, |state, number| state.shutdown(number, how))
    }

    fn close(&self, descriptor: Descriptor) -> io::Result<()> {
        descriptor.number_in(self)?;
        drop(descriptor);
        Ok(())
    }

    fn local_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        self.call("local_addr", socket, |state, number| state.local_addr(number))
    }

    fn peer_addr(&self, socket: &Descriptor) -> io::Result<Address> {
        self.call("peer_addr", socket, |state, number| state.peer_addr(number))
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if host == "localhost" {
            let loopback: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).into());
        }
        match host.parse() {
            Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
            Err(_) => Err(io::Error::new(ErrorKind::NotFound, format!("no such name: {host}"))),
        }
    }

    fn stdin(&self) -> io::Result<Descriptor> {
        let number = self.lock().descriptors.open(Object::StandardInput);
        Ok(self.handle(number))
    }

    fn waker(&self) -> io::Result<(Descriptor, Arc<dyn Wake>)> {
        Err(unsupported("waking from another thread", NAME, "there are no threads: use a timer"))
    }

    fn signals(&self) -> io::Result<Descriptor> {
        let number = self.lock().descriptors.open(Object::Signals { is_asked_to_end: false });
        Ok(self.handle(number))
    }
}
