//! `poll_oneoff` over clocks. No check measures time: a clock that is due far
//! in the future stands for "not yet".

use crate::guest::check;

#[test]
fn the_clock_that_is_due_rings() {
    check(
        "(call $after (i32.const 0) (i64.const 100000))
         (call $after (i32.const 1) (i64.const 2))
         (call $after (i32.const 2) (i64.const 100000))
         (call $is (call $poll (i32.const 3)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 1))
         (call $is (call $type (i32.const 0)) (i32.const 0))
         (call $is (call $error (i32.const 0)) (i32.const 0))",
    );
}

#[test]
fn a_changed_timeout_counts() {
    check(
        "(call $after (i32.const 0) (i64.const 0))
         (call $after (i32.const 1) (i64.const 100000))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $for (i32.const 0)) (i32.const 0))
         (call $after (i32.const 0) (i64.const 100000))
         (call $after (i32.const 1) (i64.const 1))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 1))",
    );
}

#[test]
fn a_relative_timeout_passes_on_the_guests_clock() {
    check(
        "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 32)))
         (call $after (i32.const 0) (i64.const 3))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 40)))
         (call $is (i64.ge_u
           (i64.sub (i64.load (i32.const 40)) (i64.load (i32.const 32)))
           (i64.const 3000000)) (i32.const 1))",
    );
}

/// For the realtime (0) and the monotonic clock (1): what is past rings at
/// once, what is now and a little rings by itself, what is far away does not.
#[test]
fn absolute_moments_are_those_of_the_clock_named() {
    for clock in [0, 1] {
        check(&format!(
            "(drop (call $clock_time_get (i32.const {clock}) (i64.const 0) (i32.const 32)))
             (local.set $moment (i64.load (i32.const 32)))
             (call $on_clock (i32.const 0) (i32.const {clock})
               (i64.add (local.get $moment) (i64.const 100000000000)) (i32.const 1))
             (call $on_clock (i32.const 1) (i32.const {clock})
               (i64.add (local.get $moment) (i64.const 2000000)) (i32.const 1))
             (call $is (call $poll (i32.const 2)) (i32.const 0))
             (call $is (call $events) (i32.const 1))
             (call $is (call $for (i32.const 0)) (i32.const 1))
             (drop (call $clock_time_get (i32.const {clock}) (i64.const 0) (i32.const 40)))
             (call $is (i64.ge_u (i64.load (i32.const 40))
               (i64.add (local.get $moment) (i64.const 2000000))) (i32.const 1))
             (call $on_clock (i32.const 1) (i32.const {clock}) (i64.const 1) (i32.const 1))
             (call $is (call $poll (i32.const 2)) (i32.const 0))
             (call $is (call $for (i32.const 0)) (i32.const 1))"
        ));
    }
}

#[test]
fn a_clock_that_cannot_be_waited_for_is_its_own_events_error() {
    check(
        "(call $on_clock (i32.const 0) (i32.const 2) (i64.const 0) (i32.const 0))
         (call $on_clock (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 9))
         (call $after (i32.const 2) (i64.const 100000))
         (call $is (call $poll (i32.const 3)) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $error (i32.const 0)) (i32.const 28))
         (call $is (call $error (i32.const 1)) (i32.const 28))",
    );
}

#[test]
fn the_longest_timeout_does_not_overflow() {
    check(
        "(call $on_clock (i32.const 0) (i32.const 1) (i64.const -1) (i32.const 0))
         (call $on_clock (i32.const 1) (i32.const 0) (i64.const -1) (i32.const 1))
         (call $after (i32.const 2) (i64.const 1))
         (call $is (call $poll (i32.const 3)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 2))",
    );
}
