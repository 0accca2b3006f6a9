//! Modules that use what WebAssembly has grown since its first version: what the official build of Wasmtime runs by
//! default runs here too, with a time limit and without one.

use crate::guest::{PATIENCE, run, verdict};
use selectio_host::Host;

/// Runs a module of this text both ways; a check of it that does not hold is an `unreachable`.
fn runs(proposal: &str, text: &str) {
    let bytes = wat::parse_str(format!("(module {text})")).unwrap_or_else(|error| panic!("{proposal}: {error}"));
    for limit in [None, Some(PATIENCE)] {
        let builder = Host::builder().module_bytes("guest.wasm", bytes.clone());
        let builder = limit.into_iter().fold(builder, |builder, limit| builder.timeout(limit));
        let result = run(builder);
        assert!(matches!(result, Ok(0)), "{proposal}: {result:?}");
    }
}

#[test]
fn numbers_and_blocks_of_the_second_version() {
    runs(
        "sign extension, saturating conversions, several values, mutable globals",
        r#"(global $count (export "count") (mut i32) (i32.const 1))
           (func $two (result i32 i32) (i32.const 3) (global.get $count))
           (func (export "_start")
             (call $two) (if (i32.ne (i32.sub) (i32.const 2)) (then unreachable))
             (if (i32.ne (i32.extend8_s (i32.const 255)) (i32.const -1)) (then unreachable))
             (if (i32.trunc_sat_f32_s (f32.const nan)) (then unreachable)))"#,
    );
    runs(
        "bulk memory",
        r#"(memory 1) (table 2 funcref) (elem $start func 0) (data $text "abc")
           (func (export "_start")
             (memory.init $text (i32.const 8) (i32.const 0) (i32.const 3)) (data.drop $text)
             (memory.copy (i32.const 0) (i32.const 9) (i32.const 2))
             (table.init $start (i32.const 1) (i32.const 0) (i32.const 1)) (elem.drop $start)
             (if (i32.ne (i32.load8_u (i32.const 0)) (i32.const 98)) (then unreachable)))"#,
    );
    runs(
        "reference types",
        r#"(table $any 1 externref) (table $functions 0 funcref)
           (func (export "_start")
             (table.set $any (i32.const 0) (ref.null extern))
             (if (i32.ne (table.grow $any (ref.null extern) (i32.const 3)) (i32.const 1)) (then unreachable))
             (drop (table.grow $functions (ref.null func) (i32.const 2)))
             (table.fill $any (i32.const 0) (ref.null extern) (i32.const 4))
             (if (i32.ne (table.size $any) (i32.const 4)) (then unreachable)))"#,
    );
    runs(
        "simd",
        r#"(func (export "_start")
             (if (i32.ne (i32x4.extract_lane 2 (i32x4.add (i32x4.splat (i32.const 3)) (i32x4.splat (i32.const 4))))
                         (i32.const 7)) (then unreachable)))"#,
    );
}

#[test]
fn exceptions() {
    runs(
        "exception handling",
        r#"(tag $failed (param i32))
           (func $fail (throw $failed (i32.const 7)))
           (func (export "_start")
             (block $caught (result i32)
               (try_table (catch $failed $caught) (call $fail))
               unreachable)
             (if (i32.ne (i32.const 7)) (then unreachable))
             (block $again (result exnref)
               (try_table (catch_all_ref $again) (call $fail))
               unreachable)
             (block $rethrown (param exnref)
               (block $end (param exnref)
                 (try_table (param exnref) (catch_all $end) (throw_ref))) ))"#,
    );
}

#[test]
fn garbage_collected_values() {
    runs(
        "garbage collection, typed function references",
        r#"(type $pair (struct (field i32) (field (mut (ref null $pair)))))
           (type $numbers (array (mut i32)))
           (type $action (func (result i32)))
           (func $five (type $action) (i32.const 5))
           (elem declare func $five)
           (func (export "_start") (local $pair (ref null $pair)) (local $i i32)
             ;; More than any heap holds at once.
             (loop $again
               (local.set $pair (struct.new $pair (local.get $i) (ref.null $pair)))
               (drop (array.new $numbers (i32.const 1) (i32.const 1000)))
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $again (i32.lt_u (local.get $i) (i32.const 20000))))
             (if (i32.ne (struct.get $pair 0 (local.get $pair)) (i32.const 19999)) (then unreachable))
             (if (i32.ne (i31.get_u (ref.i31 (i32.const 9))) (i32.const 9)) (then unreachable))
             (if (i32.ne (call_ref $action (ref.func $five)) (i32.const 5)) (then unreachable)))"#,
    );
}

#[test]
fn calls_without_a_return() {
    runs(
        "tail calls",
        r#"(func $down (param i32) (result i32)
             (if (result i32) (local.get 0)
               (then (return_call $down (i32.sub (local.get 0) (i32.const 1))))
               (else (i32.const 0))))
           (func (export "_start") (if (call $down (i32.const 5000000)) (then unreachable)))"#,
    );
}

#[test]
fn memories() {
    runs(
        "several memories",
        r#"(memory (export "memory") 1) (memory $other 1)
           (func (export "_start")
             (i32.store $other (i32.const 0) (i32.const 5))
             (if (i32.load (i32.const 0)) (then unreachable))
             (memory.copy 0 $other (i32.const 0) (i32.const 0) (i32.const 4))
             (if (i32.ne (i32.load (i32.const 0)) (i32.const 5)) (then unreachable)))"#,
    );
    runs(
        "addresses of 64 bits",
        r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
           (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
           (memory (export "memory") i64 1) (table i64 4 funcref)
           (func (export "_start")
             (if (call $time (i32.const 1) (i64.const 1) (i32.const 8)) (then unreachable))
             (if (i32.ne (call $write (i32.const 1) (i32.const 65536) (i32.const 1) (i32.const 0)) (i32.const 21))
               (then unreachable))
             (if (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 16)) (then unreachable))
             (if (i64.ne (memory.grow (i64.const 1)) (i64.const 1)) (then unreachable)))"#,
    );
    runs(
        "atomic operations",
        r#"(memory 1)
           (func (export "_start")
             (if (i32.atomic.rmw.add (i32.const 8) (i32.const 3)) (then unreachable))
             (if (i32.ne (i32.atomic.load (i32.const 8)) (i32.const 3)) (then unreachable))
             (atomic.fence))"#,
    );
}

#[test]
fn other_proposals() {
    runs(
        "relaxed simd",
        r#"(func (export "_start")
             (if (f32.ne (f32x4.extract_lane 0 (f32x4.relaxed_madd
                 (f32x4.splat (f32.const 2)) (f32x4.splat (f32.const 3)) (f32x4.splat (f32.const 1))))
               (f32.const 7)) (then unreachable)))"#,
    );
    runs(
        "extended constants",
        r#"(global $seven i32 (i32.add (i32.const 3) (i32.const 4)))
           (func (export "_start") (if (i32.ne (global.get $seven) (i32.const 7)) (then unreachable)))"#,
    );
}

/// As programs with a start section, sections of tools, and no functions at all that they import.
#[test]
fn what_tools_add_to_a_module_does_no_harm() {
    let mut bytes = wat::parse_str(r#"(module (func $first nop) (start $first) (func (export "_start")))"#).unwrap();
    // A section 0 with the name "producers" that is cut short, and one with a name nobody knows.
    bytes.extend([0, 12, 9]);
    bytes.extend(b"producers");
    bytes.extend([1, 9]);
    bytes.extend([0, 5, 4]);
    bytes.extend(b"mine");
    verdict(run(Host::builder().module_bytes("guest.wasm", bytes)));
}

/// Not on by default in Wasmtime either.
#[test]
fn what_is_refused_is_named() {
    let cases = [
        ("shared memor", r#"(memory 1 1 shared) (func (export "_start"))"#),
        ("threads could share", r#"(memory (export "memory") 1 1 shared) (func (export "_start"))"#),
        ("custom page size", r#"(memory 1 (pagesize 1)) (func (export "_start"))"#),
        (
            "stack switching",
            r#"(type $run (func)) (type $stack (cont $run))
               (func $nothing) (elem declare func $nothing)
               (func (export "_start") (drop (cont.new $stack (ref.func $nothing))))"#,
        ),
        (
            "wide arithmetic",
            r#"(func (export "_start")
                 (i64.add128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)) drop drop)"#,
        ),
    ];
    for (proposal, text) in cases {
        let bytes = wat::parse_str(format!("(module {text})")).unwrap();
        let error = run(Host::builder().module_bytes("guest.wasm", bytes)).expect_err(proposal);
        assert_eq!(error.exit_code(), 1, "{error}");
        let text = error.to_string();
        assert!(text.to_lowercase().replace('-', " ").contains(proposal), "{proposal:?} is not in {text:?}");
        assert!(!text.contains("damaged"), "{text:?}");
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
}
