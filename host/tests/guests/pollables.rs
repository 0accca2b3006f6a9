//! A program that calls `wasi:io/poll` and the clock itself: the first argument says how, the second how often.

use std::env;

#[link(wasm_import_module = "wasi:clocks/monotonic-clock@0.2.4")]
unsafe extern "C" {
    #[link_name = "subscribe-instant"]
    fn subscribe_instant(instant: u64) -> i32;
    #[link_name = "subscribe-duration"]
    fn subscribe_duration(nanoseconds: u64) -> i32;
}

#[link(wasm_import_module = "wasi:io/poll@0.2.4")]
unsafe extern "C" {
    #[link_name = "poll"]
    fn poll(list: *const i32, length: usize, answer: *mut [usize; 2]);
    #[link_name = "[method]pollable.ready"]
    fn ready(pollable: i32) -> i32;
    #[link_name = "[method]pollable.block"]
    fn block(pollable: i32);
    #[link_name = "[resource-drop]pollable"]
    fn drop_pollable(pollable: i32);
}

const NEVER: u64 = u64::MAX;
const IS_SELECTIO: u64 = u64::MAX - 1;
const SHUTDOWN_REQUEST: u64 = u64::MAX - 2;
const SHUTDOWN_SEEN: u64 = u64::MAX - 3;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let count: usize = arguments.get(2).map_or(0, |count| count.parse().unwrap());
    unsafe {
        match arguments[1].as_str() {
            "instants" => instants(),
            "listen" => {
                let request = subscribe_instant(SHUTDOWN_REQUEST);
                println!("ready");
                block(request);
                println!("asked");
            }
            "ignore" => {
                subscribe_instant(SHUTDOWN_REQUEST);
                println!("ready");
                block(subscribe_duration(NEVER));
            }
            "take back" => take_back(),
            "hurry" => hurry(),
            "many" => many(count),
            "one often" => println!("{}", wait_for(&vec![subscribe_duration(0); count])),
            "leak" => loop {
                subscribe_duration(NEVER);
            },
            "garbage" => block(0x0123_4567),
            "nothing" => println!("{}", wait_for(&[])),
            "outside" => poll(0xffff_fff0_usize as *const i32, 0x3fff_ffff, &mut [0; 2]),
            "drop twice" => {
                let pollable = subscribe_duration(0);
                drop_pollable(pollable);
                drop_pollable(pollable);
            }
            other => panic!("it can't {other}"),
        }
    }
}

unsafe fn wait_for(pollables: &[i32]) -> usize {
    let mut answer = [0; 2];
    unsafe { poll(pollables.as_ptr(), pollables.len(), &mut answer) };
    answer[1]
}

unsafe fn instants() {
    unsafe {
        println!("host {}", ready(subscribe_instant(IS_SELECTIO)));
        println!("request {}", ready(subscribe_instant(SHUTDOWN_REQUEST)));
        println!("seen {}", ready(subscribe_instant(SHUTDOWN_SEEN)));
        println!("others {}", ready(subscribe_instant(NEVER)) + ready(subscribe_instant(u64::MAX - 4)));
        println!("durations {}", ready(subscribe_duration(IS_SELECTIO)));
        println!("past {}", wait_for(&[subscribe_instant(1)]));
    }
}

/// One pollable tells each request until it is taken back, and the next one again.
unsafe fn take_back() {
    unsafe {
        let request = subscribe_instant(SHUTDOWN_REQUEST);
        println!("ready");
        block(request);
        println!("asked {} {}", ready(request), wait_for(&[request, subscribe_duration(NEVER)]));
        drop_pollable(subscribe_instant(SHUTDOWN_SEEN));
        println!("taken back {}", ready(request));
        println!("of another {}", ready(subscribe_instant(SHUTDOWN_REQUEST)));
        block(request);
    }
}

/// Asks without end for what is ready at once; what else becomes ready has to be among it some time.
unsafe fn hurry() {
    unsafe {
        let (at_once, soon) = (subscribe_instant(IS_SELECTIO), subscribe_duration(50_000_000));
        while wait_for(&[at_once, soon]) < 2 {}
        let soon = subscribe_duration(50_000_000);
        while ready(soon) == 0 {}
        println!("heard");
    }
}

/// Waits for all of them together.
unsafe fn many(count: usize) {
    unsafe {
        let mut pollables: Vec<i32> = (0..count).map(|_| subscribe_duration(NEVER)).collect();
        pollables.push(subscribe_duration(0));
        println!("{} ready", wait_for(&pollables));
    }
}
