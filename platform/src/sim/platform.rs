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
use crate::error::{explained, no_such_backend, not_a_socket, path_in_use, unsupported};
use crate::{
    Address, Backend, Caps, Connect, Descriptor, Domain, IntegerOption, Platform, Preopen, Protocol, Selector,
    Shutdown, SocketOption, Type, Wake,
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

    fn selector(&self, backend: Backend) -> io::Result<Box<dyn Selector>> {
        if backend != Backend::Default {
            return Err(no_such_backend(backend, NAME));
        }
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
            Ok(if option == SocketOption::AcceptConnections { is_listener } else { state.has_option(number, option) })
        })
    }

    fn set_option(&self, socket: &Descriptor, option: SocketOption, on: bool) -> io::Result<()> {
        self.call("set_option", socket, |state, number| {
            state.descriptors.object(number)?;
            state.set_option(number, option, on);
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
        self.bind(socket, &path.into()).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => explained(path_in_use(path), error),
            _ => error,
        })?;
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

    fn unsent(&self, socket: &Descriptor) -> Option<usize> {
        self.call("unsent", socket, |state, number| state.unsent(number)).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Client, Faults};
    use crate::{Found, Interest, raw_os_error};

    const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 7000);

    /// A listener, and a client that waits to be accepted.
    fn listener_with_client(network: &Network) -> (Descriptor, Client) {
        let listener = network.socket(Domain::Ipv4, Type::Stream, None).expect("a socket");
        network.bind(&listener, &SocketAddr::from(ADDRESS).into()).expect("nobody has it");
        network.listen(&listener, 8).expect("it is bound");
        let client = network.connect_from_outside(ADDRESS.into());
        wait(network, &listener);
        (listener, client)
    }

    fn wait(network: &Network, descriptor: &Descriptor) {
        assert!(network.wait(descriptor, Interest::READ, None).expect("something happens"));
    }

    #[test]
    fn buffers_are_sent_as_if_they_were_one() {
        let network = Network::with_faults(1, Faults { partial_send: 1.0, ..Faults::default() });
        let (listener, client) = listener_with_client(&network);
        let (accepted, _) = network.accept(&listener).expect("it waits");
        let text = b"one and two";
        let (mut sent, mut received) = (0, Vec::new());
        while sent < text.len() {
            let (first, second) = text[sent..].split_at((text.len() - sent) / 2);
            sent += network.send(&accepted, &[IoSlice::new(first), IoSlice::new(second)]).expect("there is room");
            let mut selector = network.selector(Backend::Default).expect("a selector");
            selector.select(Some(Duration::from_millis(1)), &mut Found::default()).expect("a sleep");
            received.extend(client.take_received());
        }
        assert_eq!(received, text);
    }

    #[test]
    fn a_connection_that_is_gone_leaves_the_next_one() {
        let network = Network::with_faults(1, Faults { abort_accept: 1.0, ..Faults::default() });
        let (listener, _client) = listener_with_client(&network);
        let error = network.accept(&listener).expect_err("it is gone");
        assert_eq!((error.kind(), raw_os_error(&error)), (ErrorKind::ConnectionAborted, None));
        network.set_faults(Faults::default());
        let _next = network.connect_from_outside(ADDRESS.into());
        wait(&network, &listener);
        network.accept(&listener).expect("the next one waits");
    }

    #[test]
    fn whoever_hears_of_signals_is_asked_to_end_until_it_reads() {
        let network = Network::new(1);
        let [first, second] = [(); 2].map(|()| network.signals().expect("a descriptor"));
        assert!(!network.is_ready(&first, Interest::READ).expect("it can be watched"));
        network.ask_to_end();
        for descriptor in [&first, &second] {
            wait(&network, descriptor);
            assert_eq!(network.read(descriptor, &mut [0; 8]).expect("it is ready"), 1);
            assert_eq!(network.read(descriptor, &mut [0; 8]).expect_err("once").kind(), ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn options_are_remembered_and_no_delay_is_inherited() {
        let network = Network::new(1);
        let (listener, _client) = listener_with_client(&network);
        network.set_integer_option(&listener, IntegerOption::TimeToLive, 3).expect("any number");
        assert_eq!(network.integer_option(&listener, IntegerOption::TimeToLive).expect("it was set"), 3);
        network.set_option(&listener, SocketOption::NoDelay, false).expect("a flag");
        let (accepted, _) = network.accept(&listener).expect("it waits");
        assert!(!network.option(&accepted, SocketOption::NoDelay).expect("a flag"));
        let fresh = network.socket(Domain::Ipv6, Type::Stream, None).expect("a socket");
        assert!(network.option(&fresh, SocketOption::NoDelay).expect("a flag"));
    }

    #[test]
    fn a_path_is_free_again_when_its_listener_is_closed() {
        let network = Network::new(1);
        let [first, second] = [(); 2].map(|()| network.socket(Domain::Unix, Type::Stream, None).expect("a socket"));
        let path = Path::new("/run/program.sock");
        let _file = network.bind_path(&first, path).expect("nobody has it");
        let error = network.bind_path(&second, path).expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(first);
        let _file = network.bind_path(&second, path).expect("nobody has it");
    }
}
