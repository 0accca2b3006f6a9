//! Clients that come, one after another and many at once, say a line and go: how many waits that takes.

use crate::served::{Served, echo, receive, send};

const VISITS: usize = 500;
const AT_ONCE: usize = 50;

fn waits_for_each(server: &mut Served, come: impl Fn(&Served)) -> f64 {
    let before = server.total("selectio_waits_total");
    come(server);
    server.wait_for_open(0);
    (server.total("selectio_waits_total") - before) as f64 / VISITS as f64
}

#[test]
fn a_visit_takes_few_waits() {
    for workers in [1, 2] {
        let mut server = Served::start_with_workers(workers, &[]);
        let one_by_one = waits_for_each(&mut server, |server| (0..VISITS).for_each(|_| echo(&server.connect())));
        let at_once = waits_for_each(&mut server, |server| {
            for _ in 0..VISITS / AT_ONCE {
                let clients: Vec<_> = (0..AT_ONCE).map(|_| server.connect()).collect();
                clients.iter().for_each(send);
                clients.iter().for_each(receive);
            }
        });
        // One for the connection, one for the line, one for the end; a worker may find that another one was faster.
        let most = 3.5 + (workers - 1) as f64;
        assert!(one_by_one <= most && at_once <= most, "{workers} workers: {one_by_one} and {at_once} waits");
    }
}
