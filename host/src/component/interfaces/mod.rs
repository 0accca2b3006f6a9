//! What this host provides to components: wasmtime-wasi's interfaces, and those that it has otherwise.

mod clock;
mod names;
mod network;
mod poll;
mod sockets;
pub(super) mod stdio;

use super::guest::ComponentGuest;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2;

/// The interfaces that this host has otherwise are implemented for this, and pass most of their calls on.
struct View<'a>(&'a mut ComponentGuest);

/// Tells Wasmtime of [`View`].
struct Here;

impl HasData for Here {
    type Data<'a> = View<'a>;
}

pub(super) fn link(linker: &mut Linker<ComponentGuest>, has_network_error_code: bool) -> Result<()> {
    let mut options = p2::bindings::LinkOptions::default();
    options.network_error_code(has_network_error_code);
    p2::add_to_linker_with_options_async(linker, &options)?;
    linker.allow_shadowing(true);
    clock::link(linker)?;
    names::link(linker)?;
    poll::link(linker)?;
    sockets::link(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}
