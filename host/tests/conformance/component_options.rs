//! What can't be had with a component is refused, and so is with a module what is for components.

use crate::command::{failure, outcome, text_file};
use crate::component_guest::command_file;

#[test]
fn what_is_for_modules_is_refused_with_what_to_do_instead() {
    let guest = command_file("component_options", "(i32.const 0)");
    let cases: [(&[&str], &str); 14] = [
        (&["--tcplisten", "127.0.0.1:0"], "--allow-tcp"),
        (&["-S", "tcplisten=127.0.0.1:0"], "--allow-tcp"),
        (&["--unixlisten", "component_options.sock"], "--allow-tcp"),
        (&["--workers", "2"], "start this host several times"),
        (&["--trace"], "--log"),
        (&["--invoke", "f"], "wasi:cli/run"),
        (&["--preload", "a=b"], "b"),
        (&["-D", "coredump=file"], "the backtrace"),
        (&["--idle-timeout", "1"], "--idle-timeout"),
        (&["--profile", "guest"], "--profile=perfmap"),
        (&["-W", "unknown-imports-default"], "-W unknown-imports-trap"),
        (&["-W", "unknown-exports-allow"], "leave it out"),
        (&["--allow-tcp", "here"], "IP:PORT"),
        (&["--allow-udp", "no-such-name.invalid:1"], "can't be looked up"),
    ];
    for (options, part) in cases {
        let (code, line) = failure(&[&["run"], options, &[&guest]].concat());
        let is_file = options[0] == "--preload";
        assert_eq!((code, line.lines().count()), (Some(if is_file { 1 } else { 2 }), 1), "{options:?}: {line}");
        assert!(line.starts_with("selectio: ") && line.contains(part), "{options:?}: {line}");
    }
}

#[test]
fn what_is_for_components_is_refused_for_a_module() {
    let guest = text_file("module_with_network", r#"(module (func (export "_start")))"#);
    for options in [
        &["--allow-tcp", "127.0.0.1:1"][..],
        &["--allow-udp", "127.0.0.1:1"],
        &["--allow-names"],
        &["--inherit-network"],
        &["-S", "inherit-network"],
        &["-S", "allow-ip-name-lookup"],
    ] {
        let (code, line) = failure(&[&["run"], options, &[&guest]].concat());
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{options:?}: {line}");
        assert!(line.contains("--tcplisten and --tcpconnect"), "{options:?}: {line}");
    }
    let off = ["run", "-S", "inherit-network=n,allow-ip-name-lookup=n,tcp=n,udp=n", &guest];
    assert_eq!(outcome(&off), (Some(0), String::new(), String::new()));
}

#[test]
fn options_of_both_kinds_work() {
    let guest = command_file("component_both", "(i32.const 0)");
    let options = [
        "--timeout",
        "60",
        "--max-memory",
        "16M",
        "--max-sockets",
        "5",
        "--nagle",
        "--restart",
        "--grace",
        "1",
        "-g",
        "-W",
        "fuel=1000000,max-wasm-stack=1048576",
        "-S",
        "cli-exit-with-code,network-error-code,max-resources=100",
        "-S",
        "max-component-handles=100,hostcall-fuel=10000,max-random-size=100,tcp,udp",
        "-W",
        "component-model",
    ];
    assert_eq!(outcome(&[&["run"], &options[..], &[&guest]].concat()), (Some(0), String::new(), String::new()));
}
