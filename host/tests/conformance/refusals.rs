//! What people know from Wasmtime and this host hasn't, or writes otherwise.

use crate::command::{failure, outcome, text_file};

#[test]
fn a_wrong_call_is_one_line_and_exit_code_2() {
    let guest = text_file("wrong_calls", r#"(module (func (export "_start")))"#);
    let cases: &[(&[&str], &str)] = &[
        (&["run", "--fuel=5", &guest], "write -W fuel=N"),
        (&["run", "--mapdir", "/::.", &guest], "write --dir HOST::GUEST"),
        (&["run", "--wasm-features", "all", &guest], "-W PROPOSAL=y"),
        (&["run", "--disable-cache", &guest], "-C cache=n"),
        (&["run", "--gdbstub", "1234", &guest], "-g"),
        (&["run", "-g", "127.0.0.1:1234", &guest], "no debugger here"),
        (&["run", "--nonsense", &guest], "no option --nonsense"),
        (&["run", "-Z", &guest], "no option -Z"),
        (&["run", "-S", "http", &guest], "-Shttp=y: "),
        (&["run", "-S", "nn,inherit-env", &guest], "-Snn=y: "),
        (&["run", "-S", "threads", &guest], "-Sthreads=y: "),
        (&["run", "-S", "inherit-network", &guest], "--tcplisten"),
        (&["run", "-S", "cli=n", &guest], "-Scli=n: "),
        (&["run", "-S", "nonsense", &guest], "nonsense"),
        (&["run", "-D", "debugger=gdb.wasm", &guest], "-Ddebugger="),
        (&["run", "-D", "logging", &guest], "-Dlogging=y: "),
        (&["run", "-W", "component-model-async", &guest], "-Wcomponent-model-async=y: "),
        (&["run", "-W", "timeout=0", &guest], "give it some time"),
        (&["run", "-W", "fuel=much", &guest], "fuel=much"),
        (&["run", "-O", "pooling-allocator", &guest], "-Opooling-allocator=y: "),
        (&["run", "-C", "compiler=winch", &guest], "winch"),
        (&["run", "-C", "cranelift-nonsense=1", &guest], "nonsense"),
        (&["run", "-C", "cache-config=/nowhere", &guest], "/nowhere"),
        (&["run", "--config", "/nowhere", &guest], "/nowhere"),
        (&["run", "-R", "path=trace", &guest], "record"),
        (&["run", "--target", "x86_64-unknown-linux-gnu", &guest], "selectio compile"),
        (&["run", "--profile=gprof", &guest], "perfmap, jitdump, vtune, or guest"),
        (&["run", "--preload", "lib.wasm", &guest], "NAME=FILE"),
        (&["run", "--dir", "a::b::rw", &guest], "HOST::GUEST::ro"),
        (&["run"], "<MODULE>"),
        (&["serve", &guest], "no command serve here"),
        (&["explore", &guest], "no command explore here"),
        (&["walk"], "walk is no command"),
        (&[], "subcommand"),
    ];
    for (arguments, part) in cases {
        let (code, text) = failure(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("selectio: ") && text.contains(part), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(!text.contains("similar"), "nothing is guessed: {text}");
    }
}

#[test]
fn what_is_only_to_be_off_is_accepted() {
    let guest = text_file("to_be_off", r#"(module (func (export "_start")))"#);
    let options =
        ["-S", "http=n,nn=n,threads=n,preview2=n,cli,common,preview0", "-W", "component-model=n", "-D", "logging=n"];
    let arguments = [&["run"], &options[..], &[&guest]].concat();
    assert_eq!(outcome(&arguments), (Some(0), String::new(), String::new()));
}

#[test]
fn help_lists_what_there_is() {
    let (code, text, _) = outcome(&["run", "-S", "help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("tcplisten=ADDR") && !text.contains("http"), "{text}");
    let (code, text, _) = outcome(&["run", "-D", "help-long"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("coredump=FILE") && !text.contains("debugger"), "{text}");
    let (code, text, _) = outcome(&["run", "-W", "help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("fuel=N"), "{text}");
    let (code, text, _) = outcome(&["run", "--help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("-W help lists them") && !text.contains("--record"), "{text}");
    // What stands behind the program is its own.
    let guest = text_file("own_help", r#"(module (func (export "_start")))"#);
    assert_eq!(outcome(&["run", &guest, "-S", "help"]), (Some(0), String::new(), String::new()));
}

#[test]
fn the_command_run_may_be_left_out() {
    let guest = text_file("left_out", r#"(module (func (export "_start")))"#);
    assert_eq!(outcome(&[&guest, "run"]).0, Some(0));
    assert_eq!(outcome(&["-W", "fuel=1000", &guest]).0, Some(0));
}

#[test]
fn a_proposal_that_is_off_is_named() {
    let exceptions = r#"(module (tag $e) (func (export "_start") (throw $e)))"#;
    let pages = r#"(module (memory 1 1 (pagesize 1)) (func (export "_start")))"#;
    let legacy = r#"(module (func (export "_start") try nop end))"#;
    let memories = r#"(module (memory 1) (memory 1) (func (export "_start")))"#;
    let shared = r#"(module (memory 1 2 shared) (func (export "_start")))"#;
    let cases: [(&str, &[&str], &str); 5] = [
        (exceptions, &["-W", "exceptions=n"], "turn it on with -W exceptions"),
        (pages, &[], "turn it on with -W custom-page-sizes"),
        (legacy, &[], "this host has no legacy-exceptions"),
        (memories, &["-W", "multi-memory=n"], "turn it on with -W multi-memory"),
        (shared, &[], "-W shared-memory=y"),
    ];
    for (number, (text, options, part)) in cases.into_iter().enumerate() {
        let guest = text_file(&format!("proposal_{number}"), text);
        let (code, text) = failure(&[&["run"], options, &[&guest]].concat());
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(part) && !text.contains("damaged"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let guest = text_file("proposal_on", pages);
    assert_eq!(outcome(&["run", "-W", "custom-page-sizes", &guest]).0, Some(0));
}

#[test]
fn an_error_in_a_text_is_one_line_with_its_place() {
    let guest = text_file("wrong_text", "(module\n  (func call $nobody))");
    let (code, text) = failure(&["run", &guest]);
    assert_eq!(code, Some(1));
    assert!(text.contains("line 2, column 14: ") && text.lines().count() == 1, "{text}");
}
