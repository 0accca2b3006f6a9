//! `wasi:io/poll`, with what this host wants to know of waits.

use super::{Here, View};
use crate::component::guest::ComponentGuest;
use std::future::{self, Future};
use std::pin::pin;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::{self, Host, HostPollable};

pub(super) fn link(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    poll::add_to_linker::<ComponentGuest, Here>(linker, |guest| View(guest))
}

impl Host for View<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.begin().await;
        let (ready, has_hurried) = observed(self.0.table.poll(pollables)).await;
        self.end(has_hurried);
        ready
    }
}

impl HostPollable for View<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        // A guest that asks again and again would never hear of anything else.
        self.begin().await;
        self.0.has_hurried = true;
        self.0.table.ready(pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.begin().await;
        let (done, has_hurried) = observed(self.0.table.block(pollable)).await;
        self.end(has_hurried);
        done
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        HostPollable::drop(&mut self.0.table, pollable)
    }
}

impl View<'_> {
    /// The runtime learns what is ready when the guest lets it: a guest whose waits have all ended at once gets the same
    /// answers for ever otherwise, and a socket that has become ready meanwhile is not among them.
    async fn begin(&mut self) {
        if let Some(tell) = self.0.first_wait.take() {
            tell();
        }
        if std::mem::take(&mut self.0.has_hurried) {
            tokio::task::yield_now().await;
        }
    }

    fn end(&mut self, has_hurried: bool) {
        self.0.has_hurried = has_hurried;
        self.0.counters.waits.add(1);
    }
}

/// The outcome of a wait, and whether there was nothing to wait for.
async fn observed<T>(wait: impl Future<Output = T>) -> (T, bool) {
    let mut wait = pin!(wait);
    let mut has_hurried = true;
    let outcome = future::poll_fn(|context| {
        let poll = wait.as_mut().poll(context);
        if poll.is_pending() {
            has_hurried = false;
        }
        poll
    });
    let outcome = outcome.await;
    (outcome, has_hurried)
}
