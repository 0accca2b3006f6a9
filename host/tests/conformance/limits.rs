//! What an operator may limit.

use crate::guest::{Listening, host, module, run};
use selectio_host::{Error, Host};
use std::io::Write;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(50);

fn runs_out_of_time(body: &str) {
    let result = run(host(body).timeout(SOON));
    assert!(matches!(result, Err(Error::TimeLimit { .. })), "{result:?}");
}

#[test]
fn a_guest_that_computes_for_ever_is_ended() {
    runs_out_of_time("(loop $again (br $again))");
}

#[test]
fn a_guest_that_waits_for_ever_is_ended() {
    runs_out_of_time(
        "(call $after (i32.const 0) (i64.const 100000))
         (drop (call $poll (i32.const 1)))",
    );
}

#[test]
fn a_guest_that_accepts_for_ever_is_ended() {
    let guest = host(
        "(drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
         (drop (call $accept (i32.const 0)))",
    );
    let listener = selectio_host::Preopen::tcp_listener("127.0.0.1:0").unwrap();
    let result = run(guest.timeout(SOON).preopen(listener));
    assert!(matches!(result, Err(Error::TimeLimit { .. })), "{result:?}");
}

#[test]
fn a_guest_that_wants_too_much_memory_is_ended() {
    let limit_bytes = 1 << 20;
    let result = run(host("(drop (memory.grow (i32.const 12)))").max_memory(limit_bytes));
    assert!(matches!(result, Ok(0)), "{result:?}");
    let result = run(host("(drop (memory.grow (i32.const 13)))").max_memory(limit_bytes));
    assert!(matches!(result, Err(Error::MemoryLimit { .. })), "{result:?}");
}

#[test]
fn what_the_host_keeps_for_an_instance_and_for_waits_counts() {
    let globals = "(global i32 (i32.const 0))".repeat(40_000);
    let text = format!("(module {globals} (func (export \"_start\")))");
    for (limit, ends_well) in [(300_000, false), (400_000, true)] {
        let builder = Host::builder().module_bytes("guest.wat", text.clone()).max_memory(limit);
        let result = run(builder);
        assert_eq!(matches!(result, Ok(0)), ends_well, "{result:?}");
        assert!(ends_well || matches!(result, Err(Error::MemoryLimit { .. })), "{result:?}");
    }
    // 20 pages, and 20,000 subscriptions of 48 bytes, which the host keeps a copy of.
    let body = "(drop (memory.grow (i32.const 16)))
                (drop (call $poll_oneoff (i32.const 65536) (i32.const 65536) (i32.const 20000) (i32.const 16)))";
    let result = run(host(body).max_memory(20 << 16));
    assert!(matches!(result, Err(Error::MemoryLimit { .. })), "{result:?}");
    assert!(matches!(run(host(body).max_memory(200 << 16)), Ok(0)));
}

/// A hundred thousand subscriptions on two streams, every other one ready.
#[test]
fn one_wait_takes_as_many_subscriptions_as_the_memory_holds() {
    let guest = Listening::start(
        "(drop (memory.grow (i32.const 200)))
         (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (loop $again
           (i32.store offset=262144 (i32.mul (local.get $i) (i32.const 48)) (local.get $i))
           (i32.store8 offset=262152 (i32.mul (local.get $i) (i32.const 48)) (i32.const 1))
           (i32.store offset=262160 (i32.mul (local.get $i) (i32.const 48))
             (i32.add (i32.const 4) (i32.and (local.get $i) (i32.const 1))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 100000))))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 6000000) (i32.const 100000) (i32.const 16)) (i32.const 0))
         (call $is (call $events) (i32.const 50000))
         (call $is (i32.load (i32.const 6000000)) (i32.const 1))
         (call $is (i32.load16_u (i32.const 6000008)) (i32.const 0))
         (call $is (i32.eq (i32.load (i32.add (i32.const 6000000) (i32.mul (i32.const 49999) (i32.const 32))))
           (i32.const 99999)) (i32.const 1))",
    );
    let _silent = guest.connect();
    guest.connect().write_all(b"x").unwrap();
    guest.finish();
}

#[test]
fn sockets_beyond_the_limit_are_refused_until_one_is_closed() {
    let body = "
        (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
        (call $is (call $accept (i32.const 0)) (i32.const 0))
        (call $is (call $accept (i32.const 0)) (i32.const 33))
        (call $is (call $fd_close (i32.const 4)) (i32.const 0))
        (call $is (call $accept (i32.const 0)) (i32.const 0))
        (call $is (call $receive (i32.const 4) (i32.const 1) (i32.const 0)) (i32.const 0))
        (call $is (call $byte (i32.const 1024)) (i32.const 50))";
    let guest = Listening::start_with(host(body).max_sockets(2));
    let _first = guest.connect();
    guest.connect().write_all(b"2").unwrap();
    guest.finish();
}

#[test]
fn a_trap_is_an_error_with_its_reason() {
    match run(host("(unreachable)")) {
        Err(error @ Error::Trap { .. }) => {
            assert_eq!(error.exit_code(), 134);
            assert!(error.to_string().contains("unreachable"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_guests_exit_code_comes_back_whole() {
    let result = run(host("(call $proc_exit (i32.const 70000))"));
    assert!(matches!(result, Ok(70_000)), "{result:?}");
}

/// The text of the error for a module that can't be run.
fn refusal(bytes: &[u8]) -> String {
    let host = Host::builder().module_bytes("app.wasm", bytes).build();
    host.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn what_cannot_be_run_says_what_to_do() {
    let text = |text: &str| wat::parse_str(text).unwrap();
    let cases: [(Vec<u8>, &str); 7] = [
        (b"hello".to_vec(), "not WebAssembly"),
        (b" (module".to_vec(), "its text is wrong in line 1, column 9"),
        (text("(component)"), "component"),
        (module("(func $main)")[..200].to_vec(), "damaged"),
        (text(r#"(module (import "env" "magic" (func)) (func (export "_start")))"#), "imports env.magic"),
        (
            text(
                r#"(module (import "wasi_snapshot_preview1" "sock_accept"
                     (func (param i32 i32) (result i32))) (func (export "_start")))"#,
            ),
            "another signature",
        ),
        (text("(module)"), "no _start"),
    ];
    for (bytes, part) in cases {
        let refusal = refusal(&bytes);
        assert!(refusal.contains(part), "{part:?} is not in {refusal:?}");
        assert!(!refusal.contains('\n'), "{refusal:?} is more than a line");
    }
}
