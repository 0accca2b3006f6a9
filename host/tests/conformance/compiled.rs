//! Starting a program that is compiled already: it takes a fraction of what compiling takes.

use crate::command::{Running, SELECTIO, program};
use crate::descriptors::folder;
use crate::draining::{ECHO_ALL, echo};
use crate::observed::cpu_ticks;
use std::path::Path;
use std::process::Command;

/// It echoes, and has much else to be compiled.
fn long_program() -> String {
    let steps = "(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 7)) (i32.load (local.get $i))))".repeat(40);
    let function = format!("(func (param $i i32) (result i32) {steps} (local.get $i))");
    ECHO_ALL.to_owned() + &function.repeat(100)
}

/// The CPU time from the start to the first answer, in hundredths of a second.
fn cost_of_the_first_answer(cache: &Path, options: &[&str], module: &Path) -> u64 {
    let mut command = Command::new(SELECTIO);
    command.env("XDG_CACHE_HOME", cache).args(["run", "--tcplisten", "127.0.0.1:0"]).args(options).arg(module);
    let mut running = Running::spawn(&mut command);
    running.line();
    echo(&running.connect());
    let ticks = cpu_ticks(running.pid());
    running.signal("KILL");
    running.finish();
    ticks
}

#[test]
fn only_the_first_start_compiles() {
    let module = program("compiled", &long_program());
    let cache = folder("compiled_cache");
    let first = cost_of_the_first_answer(&cache, &[], &module);
    let second = cost_of_the_first_answer(&cache, &[], &module);
    assert!(second < first / 4, "{first} and then {second} hundredths of a second");
    // With what was compiled before, no cache is needed.
    let file = module.with_extension("cwasm");
    let status = Command::new(SELECTIO).arg("compile").arg(&module).arg("-o").arg(&file).status();
    assert!(status.unwrap().success());
    let empty = folder("compiled_no_cache");
    let precompiled = cost_of_the_first_answer(&empty, &["--allow-precompiled"], &file);
    assert!(precompiled < first / 4, "{first} and then {precompiled} hundredths of a second");
}
