//! A guest that makes the calls that its argument spells.

use std::fmt::Write;

use crate::functions::{ARGUMENTS, FUNCTIONS};

/// The functions by which it gets its argument. Imports come first in a module's text.
const ARGUMENT_IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))"#;

/// The argument lies in the last page, where calls may write over it. A letter below 96 stands for a value worth
/// trying, the others make pointers out of the next one.
const WORDS: &str = r#"
    (global $cursor (mut i32) (i32.const 0))
    (func $tell (param i32))
    (func $letter (result i32) (local $letter i32)
      (if (i32.lt_u (global.get $cursor) (i32.const 262144))
        (then (local.set $letter (i32.load8_u (global.get $cursor)))))
      (if (i32.eqz (local.get $letter)) (then (call $proc_exit (i32.const 0))))
      (global.set $cursor (i32.add (global.get $cursor) (i32.const 1)))
      (local.get $letter))
    (func $value (result i32) (local $letter i32)
      (local.set $letter (call $letter))
      (if (result i32) (i32.lt_u (local.get $letter) (i32.const 96))
        (then (i32.load offset=512
          (i32.mul (i32.rem_u (local.get $letter) (i32.const 21)) (i32.const 4))))
        (else (i32.add
          (i32.mul (i32.sub (local.get $letter) (i32.const 96)) (i32.const 8192))
          (call $letter)))))
    (func $place (result i32) (i32.and (call $value) (i32.const 0x3fff8)))"#;

/// Closes the standard streams, since nothing is to be printed, and gets the argument.
const START: &str = r#"
    (func (export "_start")
      (drop (call $fd_close (i32.const 0)))
      (drop (call $fd_close (i32.const 1)))
      (drop (call $fd_close (i32.const 2)))
      (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
      (drop (call $args_get (i32.const 131072) (i32.const 196608)))
      (global.set $cursor (i32.load (i32.const 131076)))
      (loop $again (call $step (call $letter)) (br $again)))"#;

/// What else a letter can mean, so that there are subscriptions and buffers to call with.
const PREPARATIONS: [&str; 6] = [
    "(i32.store (call $place) (call $value))",
    "(call $buffer (call $value) (call $value))",
    "(call $on_read (call $letter) (call $value))",
    "(call $on_write (call $letter) (call $value))",
    "(call $after (call $letter) (i64.const 0))",
    "(drop (call $poll (call $letter)))",
];

/// The guest's module.
pub fn module() -> Vec<u8> {
    let prelude = include_str!("../../tests/conformance/prelude.wat");
    let (values, steps) = (values(), steps());
    let text = format!("(module {ARGUMENT_IMPORTS} {prelude} {WORDS} {values} {steps} {START})");
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The values worth trying, in the guest's memory.
fn values() -> String {
    let mut text = String::from("(data (i32.const 512) \"");
    for byte in ARGUMENTS.iter().flat_map(|value| value.to_le_bytes()) {
        write!(text, "\\{byte:02x}").expect("a string takes everything");
    }
    text + "\")"
}

/// The function that does what one letter means.
fn steps() -> String {
    let calls = FUNCTIONS.iter().map(|(name, parameters)| {
        let value = |parameter| if parameter == 'I' { " (i64.extend_i32_s (call $value))" } else { " (call $value)" };
        format!("(drop (call ${name}{}))", parameters.chars().map(value).collect::<String>())
    });
    let meanings: Vec<String> = calls.chain(PREPARATIONS.map(str::to_owned)).collect();
    let mut text = format!(
        "(func $step (param $letter i32)
           (local.set $letter (i32.rem_u (local.get $letter) (i32.const {})))\n",
        meanings.len()
    );
    for (number, meaning) in meanings.iter().enumerate() {
        writeln!(text, "(if (i32.eq (local.get $letter) (i32.const {number})) (then {meaning}))")
            .expect("a string takes everything");
    }
    text + ")"
}
