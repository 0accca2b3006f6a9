//! The examples on a current Wasmtime with nothing but its own WASI, which has no sockets for preview1 programs.

use selectio_driver::World;
use selectio_driver::cargo::{self, WASIP1_TARGET};
use std::thread;
use std::time::Duration;
use wasmtime::{Cache, Config, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{I32Exit, WasiCtx};

const EXAMPLES: [&str; 5] = ["hello", "echo", "chat", "timeouts", "line_client"];

/// A guest that spins is ended after this.
const LIMIT: Duration = Duration::from_secs(60);

/// All that a guest of this library asks of its host; every host of preview1 programs has these.
const IMPORTS: [&str; 19] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_write",
    "poll_oneoff",
    "proc_exit",
    "random_get",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// With the cache of compiled programs, as the host has it: what compiles them is not optimized here.
fn engine() -> Engine {
    let mut config = Config::new();
    config.epoch_interruption(true).cache(Cache::from_file(None).ok());
    Engine::new(&config).unwrap()
}

fn load(engine: &Engine, example: &str) -> Module {
    let path = cargo::example(example, World::Wasip1).unwrap_or_else(|error| {
        panic!("{error:#}; `rustup target add {WASIP1_TARGET}` installs a missing target");
    });
    Module::from_file(engine, path).unwrap()
}

/// Runs an example with an address as its argument: how it ended, and what it printed on standard error.
fn run(example: &str) -> (wasmtime::Result<()>, String) {
    let engine = engine();
    let module = load(&engine, example);
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |wasi| wasi).unwrap();
    let errors = MemoryOutputPipe::new(1 << 16);
    let mut wasi = WasiCtx::builder();
    wasi.args(&[example, "127.0.0.1:7000"]).stderr(errors.clone());
    let mut store = Store::new(&engine, wasi.build_p1());
    store.set_epoch_deadline(1);
    thread::spawn(move || {
        thread::sleep(LIMIT);
        engine.increment_epoch();
    });
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
    let end = start.call(&mut store, ());
    (end, String::from_utf8(errors.contents().to_vec()).unwrap())
}

#[test]
fn a_guest_ends_with_one_line_that_says_how_to_pass_a_socket() {
    for example in EXAMPLES {
        let (end, errors) = run(example);
        let exit = end.expect_err("it can't go on");
        assert_eq!(exit.downcast_ref::<I32Exit>().map(|exit| exit.0), Some(1), "{example}: {exit:?}\n{errors}");
        assert_eq!(errors.lines().count(), 1, "{example}: {errors}");
        assert!(errors.contains("selectio run --tcp"), "{example}: {errors}");
    }
}

#[test]
fn the_examples_import_only_what_every_host_has() {
    let engine = engine();
    for example in EXAMPLES {
        for import in load(&engine, example).imports() {
            assert_eq!(import.module(), "wasi_snapshot_preview1", "{example}: {}", import.name());
            assert!(IMPORTS.contains(&import.name()), "{example} imports {}", import.name());
        }
    }
}
