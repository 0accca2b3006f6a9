//! `wasi:sockets/ip-name-lookup`, for the names that are granted.

use super::{Here, View};
use crate::component::guest::ComponentGuest;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    self, Host, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, SocketError};
use wasmtime_wasi::sockets::WasiSocketsView;

pub(super) fn link(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    ip_name_lookup::add_to_linker::<ComponentGuest, Here>(linker, |guest| View(guest))
}

impl Host for View<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        if !self.0.access.allows_name(&name) {
            return Err(ErrorCode::AccessDenied.into());
        }
        self.0.sockets().resolve_addresses(network, name)
    }
}

impl HostResolveAddressStream for View<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        self.0.sockets().resolve_next_address(stream)
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> Result<Resource<DynPollable>> {
        self.0.sockets().subscribe(stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> Result<()> {
        HostResolveAddressStream::drop(&mut self.0.sockets(), stream)
    }
}
