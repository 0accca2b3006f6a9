//! More clients than there may be: with `--max-sockets`, and in a process that may have few descriptors.

use crate::observed::{cpu_ticks, wait_until};
use crate::served::{Served, echo, receive, send, waits};
use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

const CLIENTS: usize = 40;

const REFUSAL: &str = "accept: no descriptor or memory left for one more connection";

/// Clients come of which only some may be there at once; they are served in the order in which they have come.
fn serves_all_in_the_end(mut server: Served) {
    for round in 1..=2 {
        let mut clients: VecDeque<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        clients.iter().for_each(send);
        wait_until("there is no room", || (server.told(REFUSAL) == round).then_some(()));
        let capacity = server.total("selectio_connections_open") as usize;
        assert!((2..=CLIENTS / 2).contains(&capacity), "{capacity}");
        clients.iter().take(capacity).for_each(receive);
        let before = (cpu_ticks(server.pid), server.total("selectio_waits_total"));
        thread::sleep(Duration::from_millis(600));
        let ticks = cpu_ticks(server.pid) - before.0;
        let turns = server.total("selectio_waits_total") - before.1;
        // It tries again ten times a second.
        assert!(ticks <= 10 && turns <= 40, "{ticks} hundredths of a second of CPU and {turns} waits meanwhile");
        assert!(clients.iter().skip(capacity).all(waits));
        // Each one that leaves makes room for one that waits.
        while clients.len() > capacity {
            echo(&clients[0]);
            clients.pop_front();
            receive(&clients[capacity - 1]);
        }
        drop(clients);
        server.wait_for_open(0);
        echo(&server.connect());
        assert_eq!(server.told(REFUSAL), round, "told once each time");
    }
}

#[test]
fn sockets_beyond_the_limit_wait_until_there_is_room() {
    serves_all_in_the_end(Served::start(&["--max-sockets", "8"]));
}

#[test]
fn without_descriptors_clients_wait_until_there_are_some() {
    serves_all_in_the_end(Served::start_with_descriptors(32));
}
