//! What hyper runs on here: futures that the dispatcher polls, and its timers. Another program takes this file and
//! `stream.rs` as they are, also for other crates that want timers, tasks and streams: `start`, then `spawn`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use hyper::rt;
use selectio::{Dispatcher, Timer};

/// The futures that a thread runs, and what with. Wakers and sleeps have to be `Send`, which a dispatcher is not, so they
/// find it here, by their thread.
struct Executor {
    dispatcher: Dispatcher,
    tasks: RefCell<HashMap<u64, (BoxedFuture, Arc<Task>)>>,
    task_count: Cell<u64>,
}

type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

thread_local!(static EXECUTOR: OnceCell<Executor> = const { OnceCell::new() });

fn with_executor<T>(call: impl FnOnce(&Executor) -> T) -> T {
    EXECUTOR.with(|executor| call(executor.get().expect("futures are run and woken on the thread of their dispatcher")))
}

/// Calls from the dispatcher, after so much time: at once when there is none to wait for.
fn call_after(delay: Duration, mut call: impl FnMut() + 'static) -> Timer {
    with_executor(|executor| {
        executor.dispatcher.call_after(delay, move |_| {
            call();
            Ok(())
        })
    })
}

/// Lets the timer, of this dispatcher, be due after so much time from now.
pub fn restart(timer: Timer, delay: Duration) {
    with_executor(|executor| executor.dispatcher.restart(timer, delay));
}

/// What wakes a future: the dispatcher polls it soon, once, however often it is woken until then.
struct Task {
    id: u64,
    is_due: AtomicBool,
}

impl Wake for Task {
    fn wake(self: Arc<Task>) {
        if !self.is_due.swap(true, Ordering::Relaxed) {
            call_after(Duration::ZERO, move || self.run());
        }
    }
}

impl Task {
    fn run(self: &Arc<Task>) {
        self.is_due.store(false, Ordering::Relaxed);
        // It is out of the list while it runs, and for good when it is done or panics.
        let found = with_executor(|executor| executor.tasks.borrow_mut().remove(&self.id));
        if let Some((mut future, task)) = found
            && future.as_mut().poll(&mut Context::from_waker(&Waker::from(task.clone()))).is_pending()
        {
            with_executor(|executor| executor.tasks.borrow_mut().insert(self.id, (future, task)));
        }
    }
}

/// Futures of this thread are run by this dispatcher from now on.
pub fn start(dispatcher: &Dispatcher) {
    let (dispatcher, tasks, task_count) = (dispatcher.clone(), RefCell::default(), Cell::default());
    EXECUTOR.with(|place| drop(place.set(Executor { dispatcher, tasks, task_count })));
}

/// Runs the future on this thread.
///
/// # Panics
/// Before `start`.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    let task = with_executor(|executor| {
        let id = executor.task_count.replace(executor.task_count.get() + 1);
        let task = Arc::new(Task { id, is_due: AtomicBool::new(false) });
        executor.tasks.borrow_mut().insert(id, (Box::pin(future), task.clone()));
        task
    });
    task.wake();
}

/// Wakes all futures, for news that concerns them all, and answers how many there are.
pub fn wake_all() -> usize {
    with_executor(|executor| {
        executor.tasks.borrow().values().for_each(|(_, task)| task.wake_by_ref());
        executor.tasks.borrow().len()
    })
}

/// What hyper takes its time and its tasks from: of HTTP/2 each stream is one.
#[derive(Clone, Copy)]
pub struct Runtime;

impl<F: Future<Output = ()> + 'static> rt::Executor<F> for Runtime {
    fn execute(&self, future: F) {
        spawn(future);
    }
}

impl rt::Timer for Runtime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep { deadline, alarm: None })
    }
}

struct Sleep {
    deadline: Instant,
    alarm: Option<Alarm>,
}

/// A timer that ends with its owner.
struct Alarm(Timer);

impl Drop for Alarm {
    fn drop(&mut self) {
        with_executor(|executor| executor.dispatcher.cancel(self.0));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        let (left, waker) = (self.deadline.saturating_duration_since(Instant::now()), context.waker().clone());
        if left.is_zero() {
            return Poll::Ready(());
        }
        self.alarm = Some(Alarm(call_after(left, move || waker.wake_by_ref())));
        Poll::Pending
    }
}

impl rt::Sleep for Sleep {}
