//! `wasi:sockets/tcp`, `udp` and what makes such sockets: those are counted, and what is written leaves at once.

use super::{Here, View};
use crate::component::guest::ComponentGuest;
use crate::system::new_socket;
use std::task::{Context, Waker};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket;
use wasmtime_wasi::p2::bindings::sockets::udp::HostUdpSocket;
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, Pollable, SocketError, SocketResult, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::WasiSocketsView;

/// As wasmtime-wasi has them: each of their functions that is not named here stays what it is.
const TCP: &str = "wasi:sockets/tcp@0.2.12";
const UDP: &str = "wasi:sockets/udp@0.2.12";

type Accepted = (Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>);

pub(super) fn link(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    tcp_create_socket::add_to_linker::<ComponentGuest, Here>(linker, |guest| View(guest))?;
    udp_create_socket::add_to_linker::<ComponentGuest, Here>(linker, |guest| View(guest))?;
    let mut tcp = linker.instance(TCP)?;
    tcp.resource("tcp-socket", ResourceType::host::<TcpSocket>(), |mut store, number| {
        let guest = store.data_mut();
        guest.sockets = guest.sockets.saturating_sub(1);
        HostTcpSocket::drop(&mut guest.sockets(), Resource::new_own(number))
    })?;
    tcp.func_wrap("[method]tcp-socket.accept", accept)?;
    let mut udp = linker.instance(UDP)?;
    udp.resource("udp-socket", ResourceType::host::<UdpSocket>(), |mut store, number| {
        let guest = store.data_mut();
        guest.sockets = guest.sockets.saturating_sub(1);
        HostUdpSocket::drop(&mut guest.sockets(), Resource::new_own(number))
    })
}

fn accept(
    mut store: StoreContextMut<'_, ComponentGuest>,
    (listener,): (Resource<TcpSocket>,),
) -> Result<(std::result::Result<Accepted, ErrorCode>,)> {
    let guest = store.data_mut();
    // Without a connection that waits there is nothing to refuse.
    if guest.check_another().is_err() && guest.waits_for_a_connection(&listener)? {
        return Ok((Err(ErrorCode::WouldBlock),));
    }
    let accepted = guest.with_another(|guest| guest.sockets().accept(listener));
    Ok((match accepted {
        Ok(accepted) => Ok(accepted),
        Err(error) => Err(error.downcast()?),
    },))
}

impl ComponentGuest {
    /// Makes one more socket, if the guest may have one more.
    fn with_another<T>(&mut self, make: impl FnOnce(&mut ComponentGuest) -> SocketResult<T>) -> SocketResult<T> {
        self.check_another()?;
        let made = make(self)?;
        self.sockets += 1;
        Ok(made)
    }

    fn waits_for_a_connection(&mut self, socket: &Resource<TcpSocket>) -> Result<bool> {
        if !self.sockets().is_listening(Resource::new_borrow(socket.rep()))? {
            return Ok(false);
        }
        let mut context = Context::from_waker(Waker::noop());
        Ok(self.table.get_mut(socket)?.ready().as_mut().poll(&mut context).is_pending())
    }

    fn check_another(&self) -> Result<(), SocketError> {
        if self.sockets < self.sockets_max { Ok(()) } else { Err(ErrorCode::NewSocketLimit.into()) }
    }
}

impl tcp_create_socket::Host for View<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        let gathers = self.0.gathers_small_writes;
        self.0.with_another(|guest| match gathers {
            true => guest.sockets().create_tcp_socket(family),
            false => new_socket::sending_at_once(|| guest.sockets().create_tcp_socket(family)),
        })
    }
}

impl udp_create_socket::Host for View<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.0.check_another()?;
        let made = self.0.sockets().create_udp_socket(family).await?;
        self.0.sockets += 1;
        Ok(made)
    }
}
