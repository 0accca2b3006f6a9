//! Work for the dispatcher's thread, from other threads. Natively only.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::delegate::{Delegate, Waker};
use crate::dispatcher::Dispatcher;
use crate::error::in_operation;
use crate::handler::catch_panic;

/// How many posts may wait for the dispatcher.
const POSTS_MAX: usize = 65_536;
/// How many are served in one turn, so that threads that never stop posting keep no socket waiting.
const POSTS_IN_TURN_MAX: usize = 1024;

type Post = Box<dyn FnOnce(&Dispatcher) -> io::Result<()> + Send>;

/// Lets other threads have something done by a dispatcher, on its own thread. Comes from [`Dispatcher::remote`].
///
/// A cheap handle that can be cloned and sent. [`Dispatcher::run`] goes on as long as there is one.
#[derive(Clone)]
pub struct Remote(Arc<Sender>);

/// Its drop tells that nobody posts any more.
struct Sender {
    queue: Arc<Queue>,
    waker: Waker,
}

struct Queue {
    posts: Mutex<VecDeque<Post>>,
    /// No post comes any more, or nobody takes one.
    is_closed: AtomicBool,
}

impl Dispatcher {
    /// A way for other threads to have something done here. Natively only.
    ///
    /// # Errors
    /// `Unsupported` where there are no threads: use a timer. Natively those of making a pipe, and of registering.
    ///
    /// ```no_run
    /// use selectio::Dispatcher;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let dispatcher = Dispatcher::new()?;
    /// let remote = dispatcher.remote()?;
    /// std::thread::spawn(move || {
    ///     let answer = (1..=20u64).product::<u64>();
    ///     remote.post(move |_dispatcher| {
    ///         println!("the answer is {answer}");
    ///         Ok(())
    ///     })
    /// });
    /// // It ends when the thread has dropped the handle, and the answer was printed.
    /// dispatcher.run()
    /// # }
    /// ```
    pub fn remote(&self) -> io::Result<Remote> {
        let (delegate, waker) = Delegate::waker()?;
        let queue = Arc::new(Queue { posts: Mutex::default(), is_closed: AtomicBool::new(false) });
        let (taker, again) = (Taker(queue.clone()), waker.clone());
        delegate.set_handle_read(move |delegate, dispatcher| {
            // Asked first: what was posted before the last handle went is found below.
            let is_closed = taker.0.is_closed.load(Ordering::Acquire);
            if !taker.serve(dispatcher) {
                again.wake()
            } else if is_closed {
                delegate.close()
            } else {
                Ok(())
            }
        });
        self.register(&delegate)?;
        Ok(Remote(Arc::new(Sender { queue, waker })))
    }
}

impl Remote {
    /// Lets the dispatcher call `call` on its own thread, after all that was posted before. Its error goes to
    /// [`Dispatcher::set_handle_error`].
    ///
    /// # Errors
    /// `BrokenPipe` when the dispatcher is gone; `QuotaExceeded` when 65,536 calls wait for it already: then this one
    /// is dropped.
    pub fn post(&self, call: impl FnOnce(&Dispatcher) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let queue = &self.0.queue;
        {
            let mut posts = queue.posts.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.is_closed.load(Ordering::Acquire) {
                let text = "post: the dispatcher is gone: keep it as long as other threads post";
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, text));
            }
            if posts.len() >= POSTS_MAX {
                let text = format!("post: {POSTS_MAX} calls wait for the dispatcher: post less, or wait");
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
            }
            posts.push_back(Box::new(call));
        }
        self.0.waker.wake()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.queue.is_closed.store(true, Ordering::Release);
        // When the dispatcher is gone, there is nobody to wake.
        let _ = self.waker.wake();
    }
}

/// The dispatcher's side. Its drop tells the other threads that nobody serves them any more.
struct Taker(Arc<Queue>);

impl Taker {
    /// Makes the calls that wait, within what one turn may take. False when more are left.
    fn serve(&self, dispatcher: &Dispatcher) -> bool {
        for _ in 0..POSTS_IN_TURN_MAX {
            let next = self.0.posts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(call) = next else { return true };
            match catch_panic(|| call(dispatcher)) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    dispatcher.tell(&in_operation("a post of another thread", error));
                }
                _ => {}
            }
        }
        false
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
        // They may own what comes back here: they are dropped after the lock.
        let posts = std::mem::take(&mut *self.0.posts.lock().unwrap_or_else(PoisonError::into_inner));
        drop(posts);
    }
}
