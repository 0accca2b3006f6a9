//! What only a program that embeds the library can ask for.

use crate::guest::{host, module, run};
use selectio_host::{Error, Host, Preopen, ShutdownRequest, Signal, StopHandle};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn output_goes_where_it_is_wanted() {
    let (mut reader, writer) = io::pipe().unwrap();
    let body = "(i32.store (i32.const 1024) (i32.const 0x0a6968)) (call $buffer (i32.const 1024) (i32.const 3))
                (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
                (call $is (call $count) (i32.const 3))
                (call $is (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
                (call $on_write (i32.const 0) (i32.const 1))
                (call $is (call $poll (i32.const 1)) (i32.const 0))
                (call $is (call $error (i32.const 0)) (i32.const 0))
                (call $is (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
                (call $is (call $count) (i32.const 0))";
    let result = run(host(body).stdout(writer.try_clone().unwrap()).stderr(writer).no_stdin());
    assert!(matches!(result, Ok(0)), "{result:?}");
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hi\nhi\n");
}

/// Runs a guest on `workers` threads that is stopped when it has begun.
fn is_stopped(body: &str, workers: usize) {
    let stop = StopHandle::new().unwrap();
    let (sender, begun) = mpsc::channel();
    let body = format!(
        "(call $buffer (i32.const 1024) (i32.const 1))
         (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) {body}"
    );
    let builder = host(&body).stop(stop.clone()).workers(NonZeroUsize::new(workers).unwrap()).stdout(Told(sender));
    let guest = thread::spawn(|| run(builder));
    (0..workers).for_each(|_| begun.recv().unwrap());
    stop.stop();
    let result = guest.join().unwrap();
    assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
}

struct Told(mpsc::Sender<()>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_guest_is_stopped_from_another_thread_while_it_computes_and_while_it_waits() {
    for workers in [1, 3] {
        is_stopped("(loop $again (br $again))", workers);
        is_stopped("(call $after (i32.const 0) (i64.const 3600000)) (drop (call $poll (i32.const 1)))", workers);
    }
}

#[test]
fn a_guest_that_was_stopped_before_does_not_start() {
    let stop = StopHandle::new().unwrap();
    stop.stop();
    let result = run(host("(unreachable)").stop(stop));
    assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
}

#[test]
fn readiness_is_told_once_when_all_guests_have_waited() {
    let count = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&count);
    let body =
        "(call $after (i32.const 0) (i64.const 1)) (drop (call $poll (i32.const 1))) (drop (call $poll (i32.const 1)))";
    let builder = host(body).workers(NonZeroUsize::new(3).unwrap()).on_ready(move || {
        told.fetch_add(1, Ordering::SeqCst);
    });
    assert!(matches!(run(builder), Ok(0)));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let never = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&never);
    let builder = host("").on_ready(move || {
        told.fetch_add(1, Ordering::SeqCst);
    });
    assert!(matches!(run(builder), Ok(0)));
    assert_eq!(never.load(Ordering::SeqCst), 0);
}

#[test]
fn a_request_that_is_sent_when_the_guest_is_ready_reaches_it() {
    let request = ShutdownRequest::new();
    let (sender, told) = mpsc::channel();
    let body = "(call $on_read (i32.const 0) (i32.const 0x7ffffff0))
                (call $is (call $poll (i32.const 1)) (i32.const 0))";
    let builder = host(body).shutdown(request.clone());
    let builder = builder.on_ready(move || sender.send(request.send(Signal::Terminate)).unwrap());
    assert!(matches!(run(builder), Ok(0)));
    assert!(told.recv().unwrap());
}

#[test]
fn a_guest_that_blocks_in_accept_is_ready() {
    let listener = Preopen::tcp_listener("127.0.0.1:0").unwrap();
    let address = listener.address().to_owned();
    let body = "(drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
                (call $is (call $accept (i32.const 0)) (i32.const 0))";
    let builder = host(body).preopen(listener).on_ready(move || drop(TcpStream::connect(&address).unwrap()));
    assert!(matches!(run(builder), Ok(0)));
}

/// It can wait for nothing but connections, and those are kept away.
#[test]
fn a_guest_that_is_drained_waits_on() {
    for workers in [1, 2] {
        let (request, stop) = (ShutdownRequest::new(), StopHandle::new().unwrap());
        let listener = Preopen::tcp_listener("127.0.0.1:0").unwrap();
        let address = listener.address().to_owned();
        let (sender, ready) = mpsc::channel();
        let body = "(call $on_read (i32.const 0) (i32.const 3))
                    (call $is (call $poll (i32.const 1)) (i32.const 0))";
        let builder = host(body).preopen(listener).shutdown(request.clone()).stop(stop.clone());
        let builder = builder.workers(NonZeroUsize::new(workers).unwrap()).on_ready(move || sender.send(()).unwrap());
        let guests = thread::spawn(|| run(builder));
        ready.recv().unwrap();
        request.drain();
        let _client = TcpStream::connect(address);
        thread::sleep(Duration::from_millis(200));
        assert!(!guests.is_finished());
        stop.stop();
        let result = guests.join().unwrap();
        assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
    }
}

#[test]
fn statistics_count_what_connections_move() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = "(drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
        (drop (call $accept (i32.const 0)))
        (call $is (call $receive (call $accepted) (i32.const 5) (i32.const 2)) (i32.const 0))
        (call $is (call $send (call $accepted) (i32.const 3)) (i32.const 0))
        (call $is (call $receive (call $accepted) (i32.const 1) (i32.const 0)) (i32.const 0))
        (call $is (call $fd_close (call $accepted)) (i32.const 0))
        (call $is (call $accept (i32.const 0)) (i32.const 0))";
    let host = host(body).preopen(Preopen::try_from(listener).unwrap()).build().unwrap();
    let statistics = host.statistics();
    let before = statistics.workers()[0];
    assert_eq!((before.connections_accepted, before.uptime), (0, None));
    let guest = thread::spawn(|| host.run());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"12345").unwrap();
    stream.read_exact(&mut [0; 3]).unwrap();
    // The bytes arrive before the call that sends them has ended.
    while statistics.workers()[0].sent_bytes == 0 {
        thread::yield_now();
    }
    let during = statistics.workers()[0];
    assert_eq!((during.connections_open, during.connections_accepted), (1, 1));
    assert_eq!((during.received_bytes, during.sent_bytes), (5, 3));
    assert!(during.memory_bytes >= 4 * 65_536 && during.uptime.is_some(), "{during:?}");
    drop(stream);
    let _last = TcpStream::connect(address).unwrap();
    assert!(matches!(guest.join().unwrap(), Ok(0)));
    let after = statistics.workers()[0];
    assert_eq!((after.connections_open, after.connections_accepted, after.restarts), (0, 2, 0));
    assert_eq!((after.memory_bytes, after.uptime), (0, None));
}

#[test]
fn how_each_worker_has_ended_is_told() {
    let (sender, ends) = mpsc::channel();
    let bytes = module("(func $main (call $proc_exit (i32.const 4)))");
    let builder = Host::builder().module_bytes("guest.wasm", bytes).workers(NonZeroUsize::new(2).unwrap());
    let result = run(builder.on_end(move |end| {
        assert_eq!(end.restarts_after, None::<Duration>);
        assert!(matches!(end.result, Ok(4)));
        sender.send(end.worker).unwrap();
    }));
    assert!(matches!(result, Ok(4)), "{result:?}");
    let mut workers: Vec<usize> = ends.iter().collect();
    workers.sort_unstable();
    assert_eq!(workers, [0, 1]);
}
