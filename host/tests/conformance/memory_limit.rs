//! The memory limit is for everything together that a guest makes the host keep.

use crate::guest::run;
use selectio_host::{Error, Host, HostBuilder};

const MIB: usize = 1 << 20;

fn guest(text: &str) -> HostBuilder {
    Host::builder().module_bytes("guest.wasm", wat::parse_str(format!("(module {text})")).unwrap())
}

/// The guest runs with `enough`, and is ended with a byte less.
fn takes_exactly(enough: usize, text: &str) {
    let result = run(guest(text).max_memory(enough));
    assert!(matches!(result, Ok(0)), "{result:?} of {text}");
    is_refused(enough - 1, text);
}

fn is_refused(limit: usize, text: &str) {
    let result = run(guest(text).max_memory(limit));
    assert!(matches!(result, Err(Error::MemoryLimit { limit_bytes }) if limit_bytes == limit), "{result:?} of {text}");
}

#[test]
fn memories_count_together() {
    let memories = "(memory 16)".repeat(40);
    takes_exactly(40 * MIB, &format!(r#"{memories} (func (export "_start"))"#));
}

#[test]
fn memories_that_grow_count_together() {
    let grow =
        |index: usize| format!("(if (i32.eq (memory.grow {index} (i32.const 16)) (i32.const -1)) (then unreachable))");
    let grown: String = (0..10).map(grow).collect();
    takes_exactly(10 * MIB, &format!(r#"{} (func (export "_start") {grown})"#, "(memory 0)".repeat(10)));
}

#[test]
fn tables_count_too() {
    let pointers = MIB / size_of::<usize>();
    takes_exactly(
        20 * MIB,
        &format!(r#"{} (func (export "_start"))"#, format!("(table {pointers} funcref)").repeat(20)),
    );
    takes_exactly(
        2 * MIB,
        &format!(
            r#"(memory 16) (table 0 funcref)
               (func (export "_start") (drop (table.grow (ref.null func) (i32.const {pointers}))))"#
        ),
    );
}

/// What is garbage counts as long as it is there, so a guest that makes much of it runs all the same.
#[test]
fn collected_values_count_too() {
    let keeping = r#"(type $list (struct (field (ref null $list)) (field i64 i64 i64 i64)))
        (func (export "_start") (local $list (ref null $list)) (local $left i32)
          (local.set $left (i32.const 500000))
          (loop $again
            (local.set $list (struct.new $list (local.get $list)
              (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))"#;
    let error = run(guest(keeping).max_memory(8 * MIB)).expect_err("more than 16 MiB are kept");
    assert!(matches!(error, Error::MemoryLimit { .. }), "{error}");
    let result = run(guest(keeping).max_memory(256 * MIB));
    assert!(matches!(result, Ok(0)), "{result:?}");
}

#[test]
fn growth_beyond_the_maximum_of_the_guest_itself_fails_and_does_not_count() {
    let refused = "(if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))".repeat(4);
    takes_exactly(MIB, &format!(r#"(memory 16 16) (func (export "_start") {refused})"#));
}

/// Whatever fails in between, what the guest has stays counted.
#[test]
fn growth_that_fails_makes_no_room() {
    let grown = "(if (i32.eq (memory.grow (i32.const 8)) (i32.const -1)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))
        (if (i64.ne (table.grow $long (ref.null func) (i64.const -1)) (i64.const -1)) (then unreachable))
        (if (i64.ne (table.grow $short (ref.null func) (i64.const 100)) (i64.const -1)) (then unreachable))"
        .repeat(10);
    takes_exactly(
        5 * MIB + size_of::<usize>(),
        &format!(
            r#"(memory 0) (table $long i64 1 funcref) (table $short i64 0 1 funcref)
               (func (export "_start") {grown})"#
        ),
    );
}
