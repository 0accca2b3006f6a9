//! Arrays that say what has changed in them (`selectio_platform::change_note`), from honest guests and from others.

use crate::guest::{Listening, check};
use selectio_platform::change_note::{ChangeNote, END};
use std::io::Write;

/// Where the prelude has its subscriptions.
const ADDRESS: u32 = 65_536;

/// Puts a note into the first subscription of `count`.
fn note(wait: u64, count: u32, is_endless: bool, first: u32) -> String {
    note_at(ADDRESS, wait, count, is_endless, first)
}

fn note_at(address: u32, wait: u64, count: u32, is_endless: bool, first: u32) -> String {
    let mut record = [0; 48];
    ChangeNote { wait, is_endless, first }.write(&mut record, address, count);
    bytes(address, &record, [9..16, 20..24, 42..48])
}

/// Marks a subscription as changed.
fn link(position: u32, wait: u64, next: u32) -> String {
    let mut record = [0; 48];
    selectio_platform::change_note::link(&mut record, wait, next);
    bytes(ADDRESS + 48 * position, &record, [20..24, 42..48, 0..0])
}

fn bytes(address: u32, record: &[u8; 48], ranges: [std::ops::Range<usize>; 3]) -> String {
    let stores = ranges
        .into_iter()
        .flatten()
        .map(|at| format!("(i32.store8 (i32.const {}) (i32.const {}))", address + at as u32, record[at]));
    stores.collect()
}

/// Accepts two connections, $a and $b, and waits until $b can be read.
const TWO_STREAMS: &str = "
    (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $a (call $accepted))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $b (call $accepted))
    (call $on_read (i32.const 0) (local.get $b))
    (call $is (call $poll (i32.const 1)) (i32.const 0))";

/// A clock that has rung, and three subscriptions that are not ready (a listener is never ready for writing), with the
/// note of wait 7.
fn long_array() -> String {
    format!(
        "(call $after (i32.const 0) (i64.const 0))
         (call $on_write (i32.const 1) (i32.const 3))
         (call $on_read (i32.const 2) (local.get $a))
         (call $on_write (i32.const 3) (i32.const 3))
         {}
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 1))",
        note(7, 4, false, END)
    )
}

/// What is ready is the clock and the subscription in this position.
fn is_ready(position: u32, count: u32) -> String {
    format!(
        "(call $is (call $poll (i32.const {count})) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $for (i32.const 0)) (i32.const 0))
         (call $is (call $for (i32.const 1)) (i32.const {position}))"
    )
}

fn run(body: &str) {
    let guest = Listening::start(&format!("{TWO_STREAMS} {} {body}", long_array()));
    let _first = guest.connect();
    let mut second = guest.connect();
    second.write_all(b"x").unwrap();
    guest.finish();
}

#[test]
fn a_noted_change_counts() {
    run(&format!(
        "(call $on_read (i32.const 2) (local.get $b)) {} {} {}",
        link(2, 8, END),
        note(8, 4, false, 2),
        is_ready(2, 4)
    ));
}

#[test]
fn a_change_that_the_note_does_not_name_is_found_when_its_number_does_not_follow() {
    for wait in [7, 6, 9, 1, 1 << 40] {
        run(&format!("(call $on_read (i32.const 2) (local.get $b)) {} {}", note(wait, 4, false, END), is_ready(2, 4)));
    }
}

#[test]
fn a_note_of_another_length_is_none() {
    run(&format!("(call $on_read (i32.const 2) (local.get $b)) {} {}", note(8, 5, false, END), is_ready(2, 4)));
}

#[test]
fn an_array_that_has_moved_is_compared() {
    let moved = note_at(131_072, 8, 4, false, END);
    run(&format!(
        "(call $on_read (i32.const 2) (local.get $b))
         (memory.copy (i32.const 131072) (i32.const 65536) (i32.const 192))
         {moved}
         (call $is (call $poll_oneoff (i32.const 131072) (i32.const 98304) (i32.const 4) (i32.const 16)) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $for (i32.const 1)) (i32.const 2))"
    ));
}

#[test]
fn a_list_that_goes_wrong_hides_nothing() {
    let lists = [
        // Beyond the array, at itself, and at one that is not marked.
        (link(1, 8, 4), note(8, 4, false, 1)),
        (link(1, 8, 1), note(8, 4, false, 1)),
        (link(1, 8, 3), note(8, 4, false, 1)),
        (String::new(), note(8, 4, false, 77)),
        (String::new(), note(8, 4, false, END - 1)),
    ];
    for (links, note) in lists {
        run(&format!("(call $on_read (i32.const 2) (local.get $b)) {links} {note} {}", is_ready(2, 4)));
    }
}

/// It waits for what it waited for before: no crash, and the next honest wait sets it right.
#[test]
fn a_guest_that_denies_a_change_harms_itself_alone() {
    run(&format!(
        "(call $on_read (i32.const 2) (local.get $b)) {}
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         {} {} {}",
        note(8, 4, false, END),
        link(2, 9, END),
        note(9, 4, false, 2),
        is_ready(2, 4)
    ));
}

#[test]
fn what_is_appended_needs_no_mention() {
    run(&format!(
        "(call $on_read (i32.const 4) (local.get $b)) {} {}
         ;; It takes the place of another one, which is gone.
         (call $on_read (i32.const 2) (local.get $b)) {} {} {}",
        note(8, 5, false, END),
        is_ready(4, 5),
        link(2, 9, END),
        note(9, 4, false, 2),
        is_ready(2, 4)
    ));
}

/// Stock hosts count the clock; this one knows that there is no limit.
#[test]
fn an_endless_wait_does_not_count_its_clock() {
    run(&format!("{} {}", note(8, 4, false, END), "(call $is (call $poll (i32.const 4)) (i32.const 0))"));
    let body = format!(
        "(call $on_read (i32.const 2) (local.get $b)) {} {}
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 2))",
        link(2, 8, END),
        note(8, 4, true, 2)
    );
    run(&body);
}

#[test]
fn an_endless_wait_for_nothing_but_its_clock_ends_with_it() {
    check(&format!(
        "(call $after (i32.const 0) (i64.const 1)) {}
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $events) (i32.const 1))",
        note(1, 1, true, END)
    ));
}

#[test]
fn the_lowest_free_number_is_given_out_and_waited_for_in_one_turn() {
    let guest = Listening::start(&format!(
        "{TWO_STREAMS} {}
         ;; Both go, and two others come, before the next wait.
         (call $is (call $fd_close (local.get $b)) (i32.const 0))
         (call $is (call $fd_close (local.get $a)) (i32.const 0))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $accepted) (local.get $a))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $accepted) (local.get $b))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 0))
         (call $after (i32.const 0) (i64.const 3600000)) {}
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 2))
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $byte (i32.const 1024)) (i32.const 121))",
        long_array(),
        note(8, 4, false, END),
    ));
    let _first = guest.connect();
    let mut second = guest.connect();
    second.write_all(b"x").unwrap();
    let mut third = guest.connect();
    let _fourth = guest.connect();
    std::io::Read::read_exact(&mut third, &mut [0]).unwrap();
    third.write_all(b"y").unwrap();
    guest.finish();
}
