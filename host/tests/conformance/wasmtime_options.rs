//! Options that are spelt as Wasmtime spells them, and the calls of the library behind them.

use crate::command::{failure, outcome, text_file};
use selectio_host::wasmtime::{Config, OptLevel};
use selectio_host::{Error, Host};
use std::fs;
use std::process::Command;

const GROWING: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory 1)
    (table $table 1 funcref)
    (func (export "_start") (call $exit (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (func (export "memory") (result i32) (memory.grow (i32.const 1)))
    (func (export "table") (result i32) (table.grow $table (ref.null func) (i32.const 1)))
    (func $spin (export "spin") (loop $again (br $again)))
    (func $deep (export "deep") (call $deep)))"#;

#[test]
fn a_memory_or_table_that_may_not_grow_says_so_to_the_program() {
    let guest = text_file("growth", GROWING);
    for (function, limit) in [("memory", "max-memory-size=65536"), ("table", "max-table-elements=1")] {
        assert_eq!(outcome(&["run", "--invoke", function, &guest]).1, "1\n");
        assert_eq!(outcome(&["run", "-W", limit, "--invoke", function, &guest]).1, "-1\n");
        let trapping = format!("{limit},trap-on-grow-failure");
        let (code, _, text) = outcome(&["run", "-W", &trapping, "--invoke", function, &guest]);
        assert_eq!(code, Some(134), "{text}");
        assert!(text.contains("trapped"), "{text}");
    }
}

#[test]
fn a_program_with_more_than_it_may_have_is_not_started() {
    let guest = text_file("too_many", GROWING);
    for limit in ["max-memories=0", "max-tables=0", "max-instances=0", "max-memory-size=1", "max-table-elements=0"] {
        let (code, text) = failure(&["run", "-W", limit, "--invoke", "memory", &guest]);
        assert_eq!(code, Some(1), "{limit}: {text}");
        assert!(text.contains("can't start") && text.lines().count() == 1, "{limit}: {text}");
    }
}

#[test]
fn fuel_ends_a_program_that_computes_too_much() {
    let guest = text_file("fuel", GROWING);
    let (code, text) = failure(&["run", "-W", "fuel=12_345", "--invoke", "spin", &guest]);
    assert_eq!(code, Some(134));
    assert_eq!(text, "selectio: the program was ended: it used up its fuel of 12345 units\n");
    assert_eq!(outcome(&["run", "-W", "fuel=12_345", "--invoke", "memory", &guest]).0, Some(0));
    let host = Host::builder().module_bytes("app.wat", GROWING).invoke("spin", |_| {}).fuel(1000).build();
    assert!(matches!(host.unwrap().run(), Err(Error::FuelLimit { units: 1000 })));
}

#[test]
fn time_is_limited_under_both_names() {
    let guest = text_file("time", GROWING);
    let (code, text) = failure(&["run", "-W", "timeout=50ms", "--invoke", "spin", &guest]);
    assert_eq!(code, Some(124));
    assert!(text.contains("its limit of 50ms"), "{text}");
}

#[test]
fn a_deep_recursion_is_a_trap_whatever_stack_is_asked_for() {
    let guest = text_file("deep", GROWING);
    for bytes in ["65536", "67108864"] {
        let option = format!("max-wasm-stack={bytes}");
        let (code, _, text) = outcome(&["run", "-W", &option, "--invoke", "deep", &guest]);
        assert_eq!(code, Some(134), "{text}");
        assert!(text.contains("call stack exhausted, in deep"), "{text}");
    }
}

#[test]
fn imports_that_nobody_provides_trap_or_answer_nothing() {
    let text = r#"(module
        (import "env" "magic" (func $magic (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start") (call $exit (call $magic)))
        (func (export "idle")))"#;
    let guest = text_file("unknown_imports", text);
    assert_eq!(failure(&["run", &guest]).0, Some(1));
    assert_eq!(outcome(&["run", "-W", "unknown-imports-default", &guest]).0, Some(0));
    let (code, _, text) = outcome(&["run", "-W", "unknown-imports-trap", &guest]);
    assert_eq!(code, Some(134));
    assert!(text.contains("magic"), "{text}");
    // Only when they are called.
    assert_eq!(outcome(&["run", "-W", "unknown-imports-trap", "--invoke", "idle", &guest]).0, Some(0));
}

/// Prints argument 0, then the first variable, in a line each.
const TELLING: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 60) "\n")
    (func $print (param $text i32) (local $end i32)
      (local.set $end (local.get $text))
      (block $done (loop $next
        (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
      (i32.store (i32.const 0) (local.get $text))
      (i32.store (i32.const 4) (i32.sub (local.get $end) (local.get $text)))
      (i32.store (i32.const 8) (i32.const 60))
      (i32.store (i32.const 12) (i32.const 1))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16))))
    (func (export "_start") (local $i i32)
      (drop (call $args_get (i32.const 64) (i32.const 1024)))
      (call $print (i32.load (i32.const 64)))
      (drop (call $environ_sizes_get (i32.const 20) (i32.const 24)))
      (drop (call $environ_get (i32.const 4096) (i32.const 65536)))
      (loop $next
        (if (i32.lt_u (local.get $i) (i32.load (i32.const 20)))
          (then
            (call $print (i32.load offset=4096 (i32.mul (local.get $i) (i32.const 4))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next))))))"#;

/// Runs with these variables and no others.
fn told(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(crate::command::SELECTIO);
    command.env_clear().envs(variables.iter().copied()).arg("run").args(arguments);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_name_and_the_environment_are_as_asked_for() {
    let guest = text_file("telling", TELLING);
    let own = [("A", "own"), ("B", "own"), ("LISTEN_FDS", "3"), ("LISTEN_PID", "1")];
    assert_eq!(told(&own, &[&guest]).1, "guest.wat\n");
    assert_eq!(told(&own, &["--argv0", "tool", "--env", "C=new", &guest]).1, "tool\nC=new\n");
    let (code, output, errors) = told(&own, &["-S", "inherit-env", "--env", "B=new", &guest]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    // In whatever order they come, each once, and nothing of other sockets.
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=own", "B=new", "guest.wat"]);
}

#[test]
fn a_standard_stream_can_be_left_out() {
    let guest = text_file("left_out_streams", TELLING);
    assert_eq!(outcome(&["run", "-S", "inherit-stdout=n", &guest]), (Some(0), String::new(), String::new()));
    assert_eq!(outcome(&["run", "-S", "inherit-stdin=n,inherit-stderr=n", &guest]).1, "guest.wat\n");
}

#[test]
fn random_bytes_are_limited_to_what_is_allowed() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (drop (call $random_get (i32.const 0) (i32.const 100)))))"#;
    let guest = text_file("random", text);
    assert_eq!(outcome(&["run", "-S", "max-random-size=100", &guest]).0, Some(0));
    let (code, _, text) = outcome(&["run", "-S", "max-random-size=99", &guest]);
    assert_eq!(code, Some(134));
    assert!(text.contains("100 random bytes"), "{text}");
}

#[test]
fn a_program_of_the_predecessor_of_preview1_runs() {
    let text = r#"(module
        (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 9))))"#;
    assert_eq!(outcome(&["run", &text_file("preview0", text)]).0, Some(9));
}

#[test]
fn options_may_stand_in_a_file() {
    let guest = text_file("toml", GROWING);
    let path = guest.replace("guest.wat", "options.toml");
    fs::write(&path, "[wasm]\nmax-memory-size = 65536\n").unwrap();
    assert_eq!(outcome(&["run", "--config", &path, "--invoke", "memory", &guest]).1, "-1\n");
    // The command line has precedence.
    let arguments = ["run", "--config", &path, "-W", "max-memory-size=1000000", "--invoke", "memory", &guest];
    assert_eq!(outcome(&arguments).1, "1\n");
    fs::write(&path, "[wasi]\nhttp = true\n").unwrap();
    let (code, text) = failure(&["run", "--config", &path, &guest]);
    assert_eq!(code, Some(2));
    assert!(text.contains("-Shttp=y: "), "{text}");
}

#[test]
fn a_program_runs_where_no_cache_can_be() {
    let guest = text_file("no_cache", r#"(module (func (export "_start")))"#);
    for variables in [&[][..], &[("HOME", "/dev/null")], &[("HOME", "/proc"), ("XDG_CACHE_HOME", "/proc/nothing")]] {
        assert_eq!(told(variables, &[&guest]), (Some(0), String::new(), String::new()));
        assert_eq!(told(variables, &["-W", "fuel=1000", "-C", "cache=y", &guest]).0, Some(0));
    }
    assert_eq!(told(&[], &["-C", "cache=n", "-O", "opt-level=0", &guest]).0, Some(0));
}

#[test]
fn a_directory_can_be_given_for_reading_only() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_create_directory" (func $create (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "made")
        (func (export "_start") (call $exit (call $create (i32.const 3) (i32.const 0) (i32.const 4)))))"#;
    let guest = text_file("read_only", text);
    let folder = std::path::Path::new(&guest).parent().unwrap();
    let made = folder.join("made");
    let _ = fs::remove_dir(&made);
    let given = format!("{}::/data", folder.display());
    let read_only = format!("{given}::ro");
    assert_ne!(outcome(&["run", "--dir", &read_only, &guest]).0, Some(0));
    assert!(!made.exists());
    assert_eq!(outcome(&["run", "--dir", &given, &guest]).0, Some(0));
    assert!(made.exists());
}

#[test]
fn a_caller_of_the_library_sets_the_engine() {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    let text = r#"(module (func (export "_start")))"#;
    let host = Host::builder().module_bytes("app.wat", text).engine_config(config);
    assert!(matches!(host.build().unwrap().run(), Ok(0)));
    let mut config = Config::new();
    config.wasm_simd(false);
    let refused = Host::builder().module_bytes("app.wat", text).engine_config(config).build();
    assert!(matches!(refused.err(), Some(Error::EngineConfig { .. })));
}
