//! Other threads end a wait.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use selectio::{Delegate, Dispatcher};

#[test]
fn q38_a_waker_ends_a_wait_from_another_thread() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let (delegate, waker) = Delegate::waker().expect("there are threads");
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    delegate.set_handle_read(move |delegate, _| {
        delegate.read(&mut [0; 64])?;
        counted.set(counted.get() + 1);
        Ok(())
    });
    dispatcher.register(&delegate).expect("it is open");
    let second = waker.clone();
    std::thread::spawn(move || {
        for _ in 0..60 {
            second.wake().expect("the delegate is open");
        }
    })
    .join()
    .expect("the thread ends");
    // For ever: only the waker ends this wait.
    dispatcher.poll(None).expect("polling works");
    assert_eq!(calls.get(), 1, "many calls are seen at once");
    dispatcher.poll(Duration::from_millis(20)).expect("polling works");
    assert_eq!(calls.get(), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| waker.wake().expect("the delegate is open"));
        dispatcher.poll(None).expect("polling works");
    });
    assert_eq!(calls.get(), 2);
}

#[test]
fn a_waker_never_blocks_however_often_it_is_called() {
    let (_delegate, waker) = Delegate::waker().expect("there are threads");
    for _ in 0..200_000 {
        waker.wake().expect("the delegate is open");
    }
}
