//! The hot path allocates nothing.

use std::io::{Read, Write};
use std::time::Duration;

use crate::{connect, echo_server, poll_until};

#[test]
fn an_echoed_line_allocates_nothing_after_warm_up() {
    let (dispatcher, address) = echo_server();
    let mut clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    poll_until(&dispatcher, "all are accepted", || dispatcher.len() == 11);
    let mut round = || {
        for client in &mut clients {
            client.write_all(b"a line of some length, to be sent back\n").expect("it is connected");
        }
        let mut answer = [0; 39];
        for client in &mut clients {
            client.set_nonblocking(true).expect("a stream");
            while client.read(&mut answer).is_err() {
                dispatcher.poll(Duration::from_secs(1)).expect("polling works");
            }
            client.set_nonblocking(false).expect("a stream");
        }
    };
    round();
    let counted = allocation_counter::measure(|| (0..10).for_each(|_| round()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
