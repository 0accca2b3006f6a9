//! Workers that don't serve: one that computes for ever, and one that traps whenever a client comes.

use crate::command::{Running, program};
use crate::observed::{cpu_ticks, wait_until};
use crate::served::{Served, waits};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// Prints an empty line, echoes each byte on as many connections as there are, and computes for ever after an `s`.
const STUCK_AFTER_S: &str = r"
    (func $main (local $i i32) (local $fd i32) (local $count i32)
      (i32.store8 (i32.const 1024) (i32.const 10))
      (call $buffer (i32.const 1024) (i32.const 1))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $on_read (i32.const 0) (i32.const 3))
      (local.set $count (i32.const 1))
      (loop $again
        (drop (call $poll (local.get $count)))
        (local.set $i (i32.const 0))
        (loop $next
          (block $done
            (if (i32.eqz (call $for (local.get $i)))
              (then
                (loop $more
                  (br_if $done (call $accept (i32.const 4)))
                  (call $on_read (local.get $count) (call $accepted))
                  (local.set $count (i32.add (local.get $count) (i32.const 1)))
                  (br $more))))
            (local.set $fd (i32.load offset=16
              (i32.add (i32.const 65536) (i32.mul (call $for (local.get $i)) (i32.const 48)))))
            (br_if $done (call $receive (local.get $fd) (i32.const 1) (i32.const 0)))
            (if (i32.eq (call $byte (i32.const 1024)) (i32.const 115)) (then (loop $ever (br $ever))))
            (drop (call $send (local.get $fd) (call $count))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (call $events))))
        (br $again)))";

/// Serves nobody, and has accepted as many as there were when it traps.
const TRAP_AT_CLIENTS: &str = r"
    (func $main
      (call $on_read (i32.const 0) (i32.const 3))
      (drop (call $poll (i32.const 1)))
      (loop $again (br_if $again (i32.eqz (call $accept (i32.const 4)))))
      unreachable)";

fn is_echoed(mut stream: &TcpStream) -> bool {
    stream.write_all(b"x").unwrap();
    stream.read(&mut [0]).unwrap() == 1
}

/// Two workers, each of which has some of these clients, and one of which computes for ever.
fn with_a_stuck_worker(name: &str) -> (Served, Vec<TcpStream>) {
    let mut server = Served::start_module(&program(name, STUCK_AFTER_S), 2, &[]);
    let mut held = Vec::new();
    wait_until("both workers have clients", || {
        held.extend((0..10).map(|_| server.connect()));
        assert!(held.iter().all(is_echoed));
        server.of_each("selectio_connections_open").iter().all(|&count| count > 0).then_some(())
    });
    (&held[0]).write_all(b"s").unwrap();
    let before = cpu_ticks(server.pid);
    wait_until("a worker computes", || (cpu_ticks(server.pid) > before + 10).then_some(()));
    (server, held)
}

#[test]
fn who_connects_while_a_worker_computes_for_ever_is_served_by_the_other() {
    let (mut server, held) = with_a_stuck_worker("stuck");
    // One after another, and all at once.
    let mut new: Vec<_> = Vec::new();
    for _ in 0..20 {
        new.push(server.connect());
        assert!(is_echoed(&new[new.len() - 1]));
    }
    new.extend((0..50).map(|_| server.connect()));
    assert!(new.iter().all(is_echoed));
    // Those that the worker had before are all that suffer.
    let counts = server.of_each("selectio_connections_open");
    held.iter().for_each(|mut stream| stream.write_all(b"x").unwrap());
    let waiting = || held.iter().filter(|stream| waits(stream)).count() as u64;
    wait_until("the others are served", || counts.contains(&waiting()).then_some(()));
    thread::sleep(Duration::from_millis(200));
    let waiting = waiting();
    assert!(counts.contains(&waiting) && waiting < held.len() as u64, "{waiting} wait, with {counts:?} connections");
}

#[test]
fn while_a_worker_computes_the_other_takes_one_connection_a_turn() {
    let (mut server, held) = with_a_stuck_worker("stuck_turns");
    // From now on the other one has more.
    let more: Vec<_> = (0..=held.len()).map(|_| server.connect()).collect();
    assert!(more.iter().all(is_echoed));
    let before = server.total("selectio_waits_total");
    server.signal("STOP");
    let crowd: Vec<_> = (0..50).map(|_| server.connect()).collect();
    crowd.iter().for_each(|mut stream| stream.write_all(b"x").unwrap());
    server.signal("CONT");
    crowd.iter().for_each(|mut stream| stream.read_exact(&mut [0]).unwrap());
    let turns = server.total("selectio_waits_total") - before;
    assert!(turns >= 50, "{turns} turns");
}

#[test]
fn nobody_is_refused_while_a_guest_traps_again_and_again() {
    let guest = program("traps", TRAP_AT_CLIENTS);
    let options = ["--timeout", "90", "--restart", "--tcplisten", "127.0.0.1:0", guest.to_str().unwrap()];
    let mut running = Running::start(&options);
    running.line();
    let address = running.address();
    let before = cpu_ticks(running.pid());
    let clients = thread::spawn(move || {
        // For as long as it takes to start anew four times: after 0.1, 0.3, 0.7 and 1.5 seconds.
        for _ in 0..170 {
            let connected: Vec<_> = (0..5).map(|_| TcpStream::connect(&address)).collect();
            assert!(connected.iter().all(Result::is_ok), "{connected:?}");
            thread::sleep(Duration::from_millis(10));
        }
    });
    clients.join().unwrap();
    let ticks = cpu_ticks(running.pid()) - before;
    assert!(ticks < 50, "{ticks} hundredths of a second of CPU");
    running.signal("INT");
    let told = running.remaining_lines();
    let pauses: Vec<_> = told.lines().filter(|line| line.contains("started anew")).collect();
    assert!(pauses.len() >= 2, "{told}");
    for (line, pause) in pauses.iter().zip(["100ms", "200ms", "400ms", "800ms", "1.6s", "3.2s"]) {
        assert!(line.contains(pause), "{line} instead of {pause}");
    }
    running.finish();
}
