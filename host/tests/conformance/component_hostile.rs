//! Components that want too much, or what isn't there: they trap, and the host goes on and stays small.

use crate::command::{failure, outcome};
use crate::component_guest::{Printing, command_file, pollables, standard};
use std::fs;

/// What the host's process has had at most, in bytes.
fn peak(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_hundred_thousand_pollables_are_waited_for_together() {
    assert_eq!(outcome(&["run", pollables(), "many", "100000"]).1, "1 ready\n");
}

#[test]
fn who_never_lets_a_wait_begin_hears_of_clocks_all_the_same() {
    assert_eq!(
        outcome(&["run", "--timeout", "60", pollables(), "hurry"]),
        (Some(0), "heard\n".to_owned(), String::new())
    );
}

#[test]
fn a_recursion_without_end_is_a_trap() {
    let guest = command_file("component_recursion", "(call 0)");
    for options in [&[][..], &["-W", "max-wasm-stack=4194304"]] {
        let (code, line) = failure(&[&["run"], options, &[&guest]].concat());
        assert_eq!(code, Some(134), "{line}");
        assert!(line.starts_with("selectio: the program trapped: wasm trap: call stack exhausted"), "{line}");
    }
}

#[test]
fn a_long_list_is_an_answer_or_a_trap() {
    assert_eq!(outcome(&["run", pollables(), "one often", "100000"]).1, "100000\n");
    for count in ["1000000", "50000000"] {
        let (code, line) = failure(&["run", pollables(), "one often", count]);
        assert_eq!(code, Some(134), "{count}: {line}");
        assert!(line.starts_with("selectio: the program trapped: "), "{line}");
    }
}

#[test]
fn resources_that_are_never_dropped_end_in_a_trap_that_says_what_to_do() {
    let (code, line) = failure(&["run", pollables(), "leak"]);
    assert!(code == Some(134) && line.contains("-S max-component-handles=N"), "{line}");
    let (code, line) = failure(&["run", "-S", "max-resources=50", pollables(), "leak"]);
    assert!(code == Some(134) && line.contains("-S max-resources=N"), "{line}");
    let (code, line) = failure(&["run", "-S", "max-component-handles=50", pollables(), "leak"]);
    assert!(code == Some(134) && line.contains("-S max-component-handles=N"), "{line}");
}

#[test]
fn a_limit_of_memory_is_one_of_resources_too() {
    let (code, line) = failure(&["run", "--max-memory", "4M", pollables(), "many", "20000"]);
    assert!(code == Some(134) && line.contains("-S max-component-handles=N"), "{line}");
}

#[test]
fn what_is_no_handle_is_a_trap() {
    for action in ["garbage", "nothing", "outside", "drop twice"] {
        let (code, line) = failure(&["run", pollables(), action]);
        assert_eq!(code, Some(134), "{action}: {line}");
        assert!(line.starts_with("selectio: the program trapped: "), "{action}: {line}");
    }
}

#[test]
fn sending_to_who_never_receives_does_not_fill_the_host() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut printing = Printing::start(&["--inherit-network", standard(), "flood", &address]);
    assert_eq!(printing.line(), "ready");
    std::thread::sleep(std::time::Duration::from_millis(500));
    // A debug build with its compiler has less than half of it.
    assert!(peak(printing.running.pid()) < 400 << 20);
    printing.running.signal("INT");
    assert_eq!(printing.code(), Some(130));
}

#[test]
fn very_many_refusals_are_told_in_few_lines() {
    let options = ["run", pollables(), "instants"];
    assert_eq!(outcome(&options).2, "");
    let (code, output, errors) = outcome(&["run", standard(), "bind many", "1000"]);
    assert_eq!((code, errors.lines().count()), (Some(0), 1), "the same refusal, {output} {errors}");
}
