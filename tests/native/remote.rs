//! Work from other threads.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use selectio::Dispatcher;

#[test]
fn what_other_threads_post_is_done_here_in_order_and_run_ends_with_the_last_handle() {
    const COUNT: usize = 5_000;
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let remote = dispatcher.remote().expect("there are threads");
    let done = Arc::new(AtomicUsize::new(0));
    let (here, counted) = (thread::current().id(), done.clone());
    let sender = thread::spawn(move || {
        for index in 0..COUNT {
            let counted = counted.clone();
            let post = remote.post(move |_| {
                assert_eq!(thread::current().id(), here);
                assert_eq!(counted.fetch_add(1, Ordering::Relaxed), index, "in order");
                Ok(())
            });
            post.expect("the dispatcher serves it");
        }
    });
    dispatcher.run().expect("polling works");
    sender.join().expect("the thread ends");
    assert_eq!(done.load(Ordering::Relaxed), COUNT);
}

#[test]
fn posts_without_end_keep_no_timer_waiting() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let remote = dispatcher.remote().expect("there are threads");
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..10_000 {
        let counted = done.clone();
        let post = remote.post(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        post.expect("the dispatcher serves it");
    }
    let counted = done.clone();
    let at_timer = Rc::new(Cell::new(0));
    let noted = at_timer.clone();
    dispatcher.call_after(Duration::ZERO, move |_| {
        noted.set(counted.load(Ordering::Relaxed));
        Ok(())
    });
    dispatcher.poll(None).expect("polling works");
    assert_eq!(at_timer.get(), 1024, "one turn of posts came first");
    drop(remote);
    dispatcher.run().expect("polling works");
    assert_eq!(done.load(Ordering::Relaxed), 10_000, "what was posted before the last handle went is done");
}

#[test]
fn posts_are_refused_when_too_many_wait_and_when_nobody_serves_them() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let remote = dispatcher.remote().expect("there are threads");
    for _ in 0..65_536 {
        remote.post(|_| Ok(())).expect("there is room");
    }
    assert_eq!(remote.post(|_| Ok(())).expect_err("too many").kind(), ErrorKind::QuotaExceeded);
    drop(dispatcher);
    assert_eq!(remote.post(|_| Ok(())).expect_err("nobody is there").kind(), ErrorKind::BrokenPipe);
}

#[test]
fn an_error_and_a_panic_of_a_post_are_told_and_cost_nothing_else() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let remote = dispatcher.remote().expect("there are threads");
    let told = Rc::new(Cell::new(0));
    let counted = told.clone();
    dispatcher.set_handle_error(move |_, error| {
        assert!(error.to_string().starts_with("a post of another thread: "), "{error}");
        counted.set(counted.get() + 1);
    });
    remote.post(|_| Err(io::Error::other("it failed"))).expect("there is room");
    remote.post(|_| panic!("on purpose")).expect("there is room");
    let last = remote.post(|dispatcher| {
        dispatcher.stop();
        Ok(())
    });
    last.expect("there is room");
    dispatcher.run().expect("polling works");
    assert_eq!(told.get(), 2);
}
