//! Calling functions by name, libraries, and modules that are started first.

use crate::command::{failure, outcome, text_file};
use selectio_host::wasmtime::Val;
use selectio_host::{Error, Host};
use std::sync::{Arc, Mutex};

const FUNCTIONS: &str = r#"(module
    (func (export "all") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
      (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    (func (export "none"))
    (func (export "refer") (param externref)))"#;

#[test]
fn results_are_printed_one_in_a_line() {
    let guest = text_file("invoke_results", FUNCTIONS);
    let arguments = ["run", "--invoke", "all", &guest, "-1", "0x10", "1.5", "-2.25"];
    assert_eq!(outcome(&arguments), (Some(0), "-1\n16\n1.5\n-2.25\n".to_owned(), String::new()));
    let arguments = ["run", "--invoke", "none", &guest, "left", "over"];
    assert_eq!(outcome(&arguments), (Some(0), String::new(), String::new()));
}

#[test]
fn a_wrong_invocation_is_one_line_and_exit_code_2() {
    let guest = text_file("invoke_wrong", FUNCTIONS);
    let cases: [(&[&str], &str); 4] = [
        (&["--invoke", "every", &guest], "no such function (it has all, none, refer)"),
        (&["--invoke", "all", &guest, "1"], "it takes 4 arguments (i32, i64, f32, f64), and was given 1"),
        (&["--invoke", "all", &guest, "1", "2", "three", "4"], "\"three\" is not of the type f32"),
        (&["--invoke", "refer", &guest, "1"], "reference"),
    ];
    for (arguments, part) in cases {
        let (code, text) = failure(&[&["run"], arguments].concat());
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(part) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn a_library_prepares_itself_before_anything_is_called() {
    let text = r#"(module
        (global $state (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $state (i32.const 7)))
        (func (export "state") (result i32) (global.get $state)))"#;
    let guest = text_file("reactor", text);
    assert_eq!(outcome(&["run", "--invoke", "state", &guest]).1, "7\n");
    assert_eq!(outcome(&["run", &guest]), (Some(0), String::new(), String::new()));
    let guest = text_file("no_reactor", r#"(module (func (export "state")))"#);
    let (code, text) = failure(&["run", &guest]);
    assert_eq!(code, Some(1));
    assert!(text.contains("--invoke (it has state)"), "{text}");
}

#[test]
fn the_library_hands_out_the_results() {
    let results = Arc::new(Mutex::new(Vec::new()));
    let got = Arc::clone(&results);
    let report = move |values: &[Val]| got.lock().unwrap().extend(values.iter().map(Val::i32));
    let text = r#"(module (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"#;
    let builder = Host::builder().module_bytes("app.wat", text).arg("21").invoke("twice", report);
    assert!(matches!(builder.build().unwrap().run(), Ok(0)));
    assert_eq!(*results.lock().unwrap(), [Some(42)]);
    let refused = Host::builder().module_bytes("app.wat", text).invoke("twice", |_| {}).build();
    assert!(matches!(refused.err(), Some(Error::Invoke { .. })));
}

/// Both print a line from the same place in a memory of their own.
fn printing(text: &str, rest: &str) -> String {
    let length = text.len() + 1;
    format!(
        r#"(memory (export "memory") 1)
        (data (i32.const 100) "{text}\n")
        (func $print
          (i32.store (i32.const 0) (i32.const 100))
          (i32.store (i32.const 4) (i32.const {length}))
          (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        {rest}"#
    )
}

const FD_WRITE: &str =
    r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))"#;

#[test]
fn a_module_that_is_loaded_first_has_a_memory_of_its_own() {
    let part = printing("part", r#"(func (export "say") (call $print))"#);
    let part = text_file("preload_part", &format!("(module {FD_WRITE} {part})"));
    let whole = printing("whole", r#"(func (export "_start") (call $print) (call $say) (call $print))"#);
    let whole = format!(r#"(module (import "part" "say" (func $say)) {FD_WRITE} {whole})"#);
    let whole = text_file("preload_whole", &whole);
    let preload = format!("part={part}");
    let (code, output, errors) = outcome(&["run", "--preload", &preload, &whole]);
    assert_eq!((code, output.as_str()), (Some(0), "whole\npart\nwhole\n"), "{errors}");
    // Without it, or with another one, the import is nobody's.
    let (code, text) = failure(&["run", &whole]);
    assert_eq!(code, Some(1));
    assert!(text.contains("imports part.say") && text.contains("--preload"), "{text}");
    let other = format!("other={part}");
    assert!(failure(&["run", "--preload", &other, &whole]).1.contains("imports part.say"));
    // It is an instance and a memory more.
    let (code, text) = failure(&["run", "--preload", &preload, "-W", "max-instances=1", &whole]);
    assert_eq!(code, Some(1));
    assert!(text.contains("instance count too high at 2"), "{text}");
}
