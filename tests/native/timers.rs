//! Timers that are put off without end cost no memory.

use std::time::Duration;

use selectio::Dispatcher;

const LATER: Duration = Duration::from_secs(3600);

#[test]
fn two_million_restarts_of_a_timer_allocate_nothing() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let timers: Vec<_> = (0..1_000).map(|_| dispatcher.call_after(LATER, |_| Ok(()))).collect();
    let counted = allocation_counter::measure(|| {
        for _ in 0..2_000 {
            for timer in &timers {
                assert!(dispatcher.restart(*timer, LATER));
            }
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn timers_that_are_set_and_cancelled_leave_nothing_behind() {
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let set_and_cancel = |count: usize| {
        for _ in 0..count {
            let timer = dispatcher.call_after(LATER, |_| Ok(()));
            assert!(dispatcher.cancel(timer));
        }
    };
    set_and_cancel(10);
    let counted = allocation_counter::measure(|| set_and_cancel(200_000));
    assert_eq!(counted.bytes_current, 0, "{counted:?}");
    assert!(!dispatcher.poll(Duration::ZERO).expect("polling works"), "none is to come");
}
