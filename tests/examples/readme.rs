//! What README.md shows is what happens.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use selectio_driver::process::{Process, Stream};
use selectio_driver::program::announced;
use selectio_driver::{Host, Program, World, cargo, host, in_every_world};

use crate::{Ended, LIMIT, connect, expect_line, start};

in_every_world!(the_program_answers_as_shown);

/// The commands that other things run: `.ci/run` the first two, `cargo xtask test --host wasmtime` the one with `wasmtime`,
/// a test below each of the others.
const COMMANDS: [&str; 11] = [
    "cargo xtask demo",
    "cargo xtask test",
    "cargo run --example hello",
    "cargo run --target wasm32-wasip1 --example hello -- 127.0.0.1:7000",
    "cargo run --target wasm32-wasip2 --example hello -- 127.0.0.1:7000",
    "wasmtime run -S inherit-network target/wasm32-wasip2/debug/examples/hello.wasm 127.0.0.1:7000",
    "printf 'world\\n' | nc -N 127.0.0.1 7000",
    "cargo xtask serve chat",
    "cargo xtask serve chat --world wasip1",
    "cargo xtask serve chat --world wasip2",
    "cargo run --package selectio-host -- run --help",
];

fn read(path: &str) -> String {
    fs::read_to_string(cargo::workspace_folder().join(path)).expect("it is there")
}

/// The contents of the blocks that start with this line.
fn blocks(text: &str, fence: &str) -> Vec<String> {
    let start = format!("{fence}\n");
    let starts = text.split(&start).skip(1);
    starts.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// `cargo ARGUMENTS`, as a reader of the README types it, where the builds of this test are. An installed host is not
/// what is tested.
fn typed(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(cargo::workspace_folder()).env(host::VARIABLE, Host::Selectio.name());
    command
}

fn the_program_answers_as_shown(world: World) {
    let program: Program = start("hello", world, &[]);
    let mut client = connect(&program);
    client.send(b"world\n").expect("it reads");
    expect_line(&mut client, "hello, world");
    let shown = blocks(&read("README.md"), "```console").concat();
    let said = program.process.wait_for(Stream::Stdout, LIMIT, |text| text.lines().next().map(str::to_owned));
    let said = said.expect("it says where it listens").replace(&program.address.to_string(), "127.0.0.1:7000");
    assert!(shown.lines().any(|line| line == said), "{said:?} is not in the README");
    assert!(shown.lines().any(|line| line == "hello, world"));
}

#[test]
fn the_program_is_the_example() {
    let example = read("examples/hello.rs");
    let shown = blocks(&read("README.md"), "```rust,no_run").concat();
    assert_eq!(example.split_once("\n\n").expect("a header").1, shown);
}

#[test]
fn every_command_is_run_by_something() {
    let readme = read("README.md");
    let shown: Vec<String> = blocks(&readme, "```console");
    let shown = shown.iter().flat_map(|block| block.lines().filter_map(|line| line.strip_prefix("$ ")));
    let shown: BTreeSet<&str> = shown.collect();
    assert_eq!(shown, BTreeSet::from(COMMANDS));
    let ci = read(".ci/run");
    for command in &COMMANDS[..2] {
        assert!(ci.contains(command), "{command}");
    }
}

#[test]
fn the_guest_commands_listen_where_they_are_told() {
    let address = "127.0.0.1:0";
    for (target, said) in [
        ("wasm32-wasip1", "hello: listening on a socket of the host"),
        ("wasm32-wasip2", "hello: listening on 127.0.0.1:"),
    ] {
        let mut command = typed(&["run", "--quiet", "--target", target, "--example", "hello", "--", address]);
        command.env_remove(format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace('-', "_")));
        let process = Process::start(command).expect("there is cargo");
        let line = process.wait_for(Stream::Stdout, LIMIT * 6, |text| text.lines().next().map(str::to_owned));
        let line = line.expect("it says where it listens");
        assert!(line.starts_with(said), "{line}");
        process.interrupt().expect("it runs");
    }
}

#[test]
fn serve_says_where_it_listens_in_every_world() {
    for world in World::ALL {
        let command = typed(&["xtask", "serve", "chat", "--listen", "127.0.0.1:0", "--world", world.name()]);
        let process = Process::start(command).expect("there is cargo");
        let stream = if world == World::Wasip1 { Stream::Stderr } else { Stream::Stdout };
        let address = process.wait_for(stream, LIMIT * 6, |text| announced(text).next());
        address.expect("it says where it listens");
        process.interrupt().expect("it runs");
    }
}

#[test]
fn the_host_s_help_is_there() {
    let ended =
        Ended::of(typed(&["run", "--quiet", "--package", "selectio-host", "--", "run", "--help"])).expect("it ends");
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("--tcplisten"));
}
