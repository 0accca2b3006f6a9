//! What a poll must not cost, whatever it costs.

use std::io::Read;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use selectio::sim::Network;
use selectio::{AsyncSocket, Delegate, Dispatcher, Mode};

use crate::connect;

#[test]
fn q14_a_full_send_buffer_is_drained_without_copies_of_it() {
    const LENGTH: usize = 16_000_000;
    let server = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
    let mut client = connect(server.local_addr().expect("it is bound").inet().expect("an internet address"));
    client.set_nonblocking(true).expect("a stream");
    let socket = server.accept().expect("it listens").expect("it waits");
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    dispatcher.register(&socket).expect("it is open");
    socket.send(vec![b'x'; LENGTH]).expect("it fits the buffer");
    let mut buffer = vec![0; 64 * 1024];
    let start = Instant::now();
    let mut turn = || {
        assert!(start.elapsed() < Duration::from_secs(30), "it is drained in time");
        // The next turn will do, when nothing is there yet.
        let _ = client.read(&mut buffer);
        dispatcher.poll(Duration::ZERO).expect("polling works");
    };
    // The lists of the dispatcher have their room once there was room to send.
    let waiting = || socket.send("").expect("it is connected");
    let before = waiting();
    while waiting() == before {
        turn();
    }
    assert!(socket.is_send_data_buffered());
    let counted = allocation_counter::measure(|| {
        while socket.is_send_data_buffered() {
            turn();
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn q25_a_poll_is_not_quadratic_in_the_number_of_the_idle() {
    const IDLE_COUNT: usize = 8_000;
    const POLL_COUNT: usize = 100;
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
    assert!(limit > IDLE_COUNT as u64 + 100, "this test needs {IDLE_COUNT} descriptors: raise `ulimit -Hn`");
    let dispatcher = Dispatcher::new().expect("a dispatcher");
    let register = |descriptor: std::os::fd::OwnedFd| {
        let delegate = Delegate::new(descriptor, Mode::Read);
        delegate.set_handle_read(|_, _| Ok(()));
        dispatcher.register(&delegate).expect("it is open");
    };
    let (idle, _idle_writer) = std::io::pipe().expect("a pipe");
    for _ in 0..IDLE_COUNT {
        register(idle.try_clone().expect("a duplicate").into());
    }
    let (ready, ready_writer) = std::io::pipe().expect("a pipe");
    register(ready.into());
    // The end of a pipe stays readable: each poll has something to deliver.
    drop(ready_writer);
    let start = Instant::now();
    for _ in 0..POLL_COUNT {
        dispatcher.poll(None).expect("polling works");
    }
    let spent = start.elapsed();
    // A linear poll is done in less than a second, a quadratic one takes minutes.
    assert!(spent < Duration::from_secs(15), "{POLL_COUNT} polls took {spent:?}");
}

/// What this thread has worked, which others on the machine don't add to.
fn cpu_time() -> Duration {
    // illumos has such a clock, but the crate has no name for it there.
    #[cfg(target_os = "illumos")]
    let clock = ClockId::CLOCK_MONOTONIC;
    #[cfg(not(target_os = "illumos"))]
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    clock_gettime(clock).expect("there is such a clock").into()
}

#[test]
fn registering_and_closing_is_linear_in_the_number_of_sockets_with_tasks() {
    const COUNT: usize = 2_000;
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
    assert!(limit > 4 * COUNT as u64 + 100, "this test needs {} descriptors: raise `ulimit -Hn`", 4 * COUNT + 100);
    let spent = |count: usize| {
        let dispatcher = Dispatcher::new().expect("a dispatcher");
        let (idle, _writer) = std::io::pipe().expect("a pipe");
        let delegates: Vec<_> = (0..count)
            .map(|_| Delegate::new(std::os::fd::OwnedFd::from(idle.try_clone().expect("a duplicate")), Mode::Read))
            .collect();
        let start = cpu_time();
        for delegate in &delegates {
            delegate.set_handle_task(|_, _| Ok(()));
            dispatcher.register(delegate).expect("it is open");
        }
        dispatcher.poll(Duration::ZERO).expect("polling works");
        delegates.iter().for_each(|delegate| delegate.close().expect("it was open"));
        cpu_time() - start
    };
    // The best of some, since others use this machine too.
    let best = |count: usize| (0..5).map(|_| spent(count)).min().expect("some");
    let (few, many) = (best(COUNT), best(4 * COUNT));
    // Four times as many take sixteen times as long when it is quadratic.
    assert!(many < 10 * few, "{COUNT} take {few:?}, four times as many {many:?}");
}

/// Sockets of a simulated network, which has no limit of descriptors: registered with a task and a timer each, polled,
/// and closed.
fn spent_on_simulated(count: usize) -> Duration {
    let network = Network::new(1);
    let _inside = network.enter();
    let dispatcher = Dispatcher::builder().registered_max(count).build().expect("a dispatcher");
    let sockets: Vec<_> = (0..count).map(|_| AsyncSocket::new().expect("a socket")).collect();
    let start = cpu_time();
    for socket in &sockets {
        socket.set_handle_task(|_, _| Ok(()));
        dispatcher.register(socket).expect("it is open");
    }
    let delay = |number: usize| Duration::from_secs(1000 + number as u64 * 7919 % 1000);
    let timers: Vec<_> = (0..count).map(|number| dispatcher.call_after(delay(number), |_| Ok(()))).collect();
    for (number, &timer) in timers.iter().enumerate() {
        assert!(dispatcher.restart(timer, delay(number + 500)), "it is to come");
    }
    dispatcher.poll(Duration::ZERO).expect("polling works");
    for timer in timers {
        assert!(dispatcher.cancel(timer), "it is to come");
    }
    sockets.iter().for_each(|socket| socket.close().expect("it was open"));
    cpu_time() - start
}

#[test]
fn a_hundred_thousand_sockets_with_tasks_and_timers_cost_each_what_ten_thousand_cost() {
    let (few, many) = (spent_on_simulated(10_000), spent_on_simulated(100_000));
    // A hundred times as much when anything is quadratic.
    assert!(many < 30 * few, "10,000 take {few:?}, 100,000 {many:?}");
}
