//! Running a component to its end, or until somebody ends it.

use super::guest::ComponentGuest;
use super::program::ComponentProgram;
use crate::error::Stop;
use crate::program::NotStarted;
use crate::stop::StopHandle;
use std::future::{self, Future};
use std::pin::pin;
use std::task::Poll;
use tokio::runtime::{Builder, Runtime};
use wasmtime::{Result, Store, Trap};
use wasmtime_wasi::I32Exit;

/// Looking up names takes a thread each, and so many of them at most; the others wait.
const THREADS_MAX: usize = 8;

impl ComponentProgram {
    /// Runs it to its end, with its exit code if it has one. What it waits for is over when it is to be ended; when it
    /// computes, its epochs end it.
    pub(crate) fn run(&self, store: &mut Store<ComponentGuest>, stop: Option<&StopHandle>) -> Result<i32> {
        store.data_mut().memory_limit.keep(self.instance_bytes)?;
        let runtime = runtime()?;
        let result = runtime.block_on(until_stopped(self.run_command(store), stop));
        // A name that is being looked up keeps nobody.
        runtime.shutdown_background();
        match result {
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => Ok(exit.0),
                None => Err(error),
            },
            result => result,
        }
    }

    async fn run_command(&self, store: &mut Store<ComponentGuest>) -> Result<i32> {
        let command = self.command.instantiate_async(&mut *store).await.map_err(|error| {
            // A start function has run, or a limit was hit.
            let has_run = error.is::<Trap>() || error.is::<Stop>() || error.is::<I32Exit>();
            if has_run { error } else { error.context(NotStarted) }
        })?;
        Ok(match command.wasi_cli_run().call_run(&mut *store).await? {
            Ok(()) => 0,
            Err(()) => 1,
        })
    }
}

/// In the guest's own thread: it has no other.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().max_blocking_threads(THREADS_MAX).build()?)
}

/// The outcome of the guest, or the end that it is to have.
async fn until_stopped(guest: impl Future<Output = Result<i32>>, stop: Option<&StopHandle>) -> Result<i32> {
    let stopped = async {
        match stop {
            Some(stop) => stop.stopped().await,
            None => future::pending().await,
        }
    };
    let (mut guest, mut stopped) = (pin!(guest), pin!(stopped));
    future::poll_fn(|context| match stopped.as_mut().poll(context) {
        Poll::Ready(reason) => Poll::Ready(Err(reason.into())),
        Poll::Pending => guest.as_mut().poll(context),
    })
    .await
}
