//! `wasi:clocks/monotonic-clock`, with the reserved instants.

use super::{Here, View};
use crate::component::guest::ComponentGuest;
use crate::shutdown::Channel;
use selectio_platform::reserved_instants::{IS_SELECTIO, SHUTDOWN_REQUEST, SHUTDOWN_SEEN};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Duration, Host, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

pub(super) fn link(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    monotonic_clock::add_to_linker::<ComponentGuest, Here>(linker, |guest| View(guest))
}

impl Host for View<'_> {
    fn now(&mut self) -> Result<Instant> {
        self.0.clocks().now()
    }

    fn resolution(&mut self) -> Result<Duration> {
        self.0.clocks().resolution()
    }

    fn subscribe_instant(&mut self, when: Instant) -> Result<Resource<DynPollable>> {
        let guest = &mut *self.0;
        let Some(channel) = &guest.shutdown else {
            return if when == IS_SELECTIO { self.pollable(AtOnce) } else { guest.clocks().subscribe_instant(when) };
        };
        match when {
            IS_SELECTIO => self.pollable(AtOnce),
            SHUTDOWN_REQUEST => {
                channel.note_awaited();
                let requested = Requested(Arc::clone(channel));
                self.pollable(requested)
            }
            SHUTDOWN_SEEN => {
                channel.take_back();
                self.pollable(AtOnce)
            }
            _ => guest.clocks().subscribe_instant(when),
        }
    }

    fn subscribe_duration(&mut self, duration: Duration) -> Result<Resource<DynPollable>> {
        self.0.clocks().subscribe_duration(duration)
    }
}

impl View<'_> {
    fn pollable(&mut self, pollable: impl Pollable) -> Result<Resource<DynPollable>> {
        let resource = self.0.table.push(pollable)?;
        subscribe(&mut self.0.table, resource)
    }
}

/// Ready whenever it is asked.
struct AtOnce;

#[async_trait]
impl Pollable for AtOnce {
    async fn ready(&mut self) {}
}

/// Ready while the guest is asked to end.
struct Requested(Arc<Channel>);

#[async_trait]
impl Pollable for Requested {
    async fn ready(&mut self) {
        self.0.requested().await;
    }
}
