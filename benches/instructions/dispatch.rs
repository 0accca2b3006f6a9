//! Counts the instructions of the dispatcher for an event, in the simulated network: with many registered sockets of
//! which one is active. `cargo xtask bench --instructions` runs it and compares.
//!
//! Counted is what a poll does except for the wait itself: that is the simulation's own, which no program runs on.

// The macros of the benchmarks make public modules, and name functions by their whole paths.
#![allow(missing_docs, unused_qualifications)]

use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use selectio::sim::{Entered, Network};
use selectio::{AsyncSocket, Dispatcher};

/// How many events are delivered. xtask/src/bench.rs divides by it.
const EVENTS: usize = 200;

/// The messages that cause them, each of one segment.
const MESSAGE: [u8; 64] = [b'x'; 64];

/// Where the ports of the idle listeners begin.
const FIRST_PORT: usize = 1024;

/// More polls than an event ever takes.
const POLLS_MAX: usize = 100;

/// A program with registered sockets, in a network.
struct World {
    // Dropped in this order: sockets belong to the network that the thread is in.
    dispatcher: Dispatcher,
    _idle: Vec<AsyncSocket>,
    address: SocketAddr,
    received: Rc<Cell<usize>>,
    network: Network,
    _inside: Entered,
}

impl World {
    /// A listener, and beside its one client so many sockets that nothing happens on. No poll runs here, for those are
    /// counted; so the idle ones are listeners.
    fn with_registered(count: usize) -> World {
        let network = Network::new(1);
        let inside = network.enter();
        let dispatcher = Dispatcher::new().expect("a dispatcher");
        let received = Rc::new(Cell::new(0));
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a free address");
        let address = listener.local_addr().expect("it is bound").inet().expect("an internet address");
        let counter = received.clone();
        listener.set_handle_accept(move |listener, dispatcher| {
            while let Some(client) = listener.accept()? {
                let received = counter.clone();
                let mut buffer = [0; 1024];
                client.set_handle_read(move |client, _| {
                    while let Some(length @ 1..) = client.recv(&mut buffer)? {
                        received.set(received.get() + length);
                    }
                    Ok(())
                });
                dispatcher.register(&client)?;
            }
            Ok(())
        });
        dispatcher.register(&listener).expect("it is open");
        let idle = (1..count).map(|number| {
            // Addresses that the network would choose run out before.
            let address = format!("127.0.0.1:{}", FIRST_PORT + number);
            let idle = AsyncSocket::listener(&address).expect("a free address");
            idle.set_handle_accept(|_, _| Ok(()));
            dispatcher.register(&idle).expect("it is open");
            idle
        });
        World { _idle: idle.collect(), dispatcher, address, received, network, _inside: inside }
    }

    /// A client connects and sends; each of its messages is delivered by an event of its own.
    fn deliver_events(&self) {
        let client = self.network.connect_from_outside(self.address);
        for event in 1..=EVENTS {
            client.send(MESSAGE);
            let mut polls = 0;
            while self.received.get() < event * MESSAGE.len() {
                self.dispatcher.poll(Duration::from_millis(1)).expect("polling works");
                polls += 1;
                assert!(polls < POLLS_MAX, "the message was delivered");
            }
        }
    }
}

#[library_benchmark(setup = World::with_registered)]
#[bench::registered_1(1)]
#[bench::registered_100(100)]
#[bench::registered_10000(10_000)]
fn deliver(world: World) -> World {
    black_box(&world).deliver_events();
    // Dropping it is not counted.
    world
}

library_benchmark_group!(name = dispatch; benchmarks = deliver);

main!(
    // The functions at which counting begins and ends. The second lies within the first: there it pauses.
    config = LibraryBenchmarkConfig::default().tool(
        Callgrind::with_args(["--toggle-collect=*SimulatedSelector*::select"])
            .entry_point(EntryPoint::Custom("*::wait_and_serve".to_owned()))
    );
    library_benchmark_groups = dispatch
);
