//! What `wasmtime` has and `selectio` doesn't, or spells otherwise: people who come from there try it.

/// Flags of `wasmtime run` and `wasmtime serve`, also of older versions, and what to write here.
const FLAGS: &[(&str, &str)] = &[
    ("--addr", "that is for `wasmtime serve`; open a listener with --tcplisten ADDR"),
    ("--allow-unknown-exports", "write -W unknown-exports-allow=y"),
    ("--cache", "the cache is on by itself; -C cache=n turns it off"),
    ("--codegen-option", "write -C KEY=VALUE"),
    ("--coredump-on-trap", "write -D coredump=FILE"),
    ("--cranelift", "Cranelift is the only compiler here"),
    ("--cranelift-enable", "write -C cranelift-KEY"),
    ("--cranelift-set", "write -C cranelift-KEY=VALUE"),
    ("--debug-info", "write -g, or -D debug-info=y"),
    ("--default-values-unknown-imports", "write -W unknown-imports-default=y"),
    ("--disable-address-map", "write -D address-map=n"),
    ("--disable-cache", "write -C cache=n"),
    ("--disable-logging", "there is no log of Wasmtime's here"),
    ("--disable-parallel-compilation", "write -C parallel-compilation=n"),
    ("--dynamic-memory-guard-size", "write -O memory-guard-size=N"),
    ("--dynamic-memory-reserved-for-growth", "write -O memory-reservation-for-growth=N"),
    ("--emit-clif", "this host doesn't show what the compiler does inside"),
    ("--enable-cranelift-debug-verifier", "write -C cranelift-debug-verifier=y"),
    ("--enable-cranelift-nan-canonicalization", "write -W nan-canonicalization=y"),
    ("--enable-all", "write -W all-proposals=y"),
    ("--enable-bulk-memory", "write -W bulk-memory=y"),
    ("--enable-memory64", "write -W memory64=y"),
    ("--enable-module-linking", "that proposal has gone"),
    ("--enable-multi-memory", "write -W multi-memory=y"),
    ("--enable-multi-value", "write -W multi-value=y"),
    ("--enable-reference-types", "write -W reference-types=y"),
    ("--enable-simd", "write -W simd=y"),
    ("--enable-threads", "write -W threads=y"),
    ("--epoch-interruption", "write -W epoch-interruption=y"),
    ("--fuel", "write -W fuel=N"),
    ("--gdbstub", "there is no debugger here; -g makes gdb and lldb see lines and functions of the program"),
    ("--inherit-env", "write -S inherit-env=y"),
    ("--jitdump", "write --profile=jitdump"),
    ("--lightbeam", "that compiler has gone"),
    ("--log-to-files", "there is no log of Wasmtime's here"),
    ("--mapdir", "write --dir HOST::GUEST"),
    ("--max-wasm-stack", "write -W max-wasm-stack=N"),
    ("--native-unwind-info", "write -C native-unwind-info=y"),
    ("--no-logging-prefix", "that is for `wasmtime serve`"),
    ("--opt-level", "write -O opt-level=N"),
    ("--perfmap", "write --profile=perfmap"),
    ("--pooling-allocator", "it is for instances that come and go by the thousand, and here each worker makes one"),
    ("--relaxed-simd-deterministic", "write -W relaxed-simd-deterministic=y"),
    ("--shutdown-addr", "that is for `wasmtime serve`; a signal ends a program, with the time of --grace"),
    ("--singlepass", "that compiler has gone"),
    ("--static-memory-forced", "write -O memory-may-move=n"),
    ("--static-memory-guard-size", "write -O memory-guard-size=N"),
    ("--static-memory-maximum-size", "write -O memory-reservation=N"),
    ("--trap-on-grow-failure", "write -W trap-on-grow-failure=y"),
    ("--trap-unknown-imports", "write -W unknown-imports-trap=y"),
    ("--vtune", "write --profile=vtune"),
    ("--wasi-common", "preview1 is what this host has anyway; leave it out"),
    ("--wasi-modules", "preview1 is what this host has anyway; leave it out"),
    ("--wasi-nn-graph", "this host has no neural networks"),
    ("--wasm-features", "write -W PROPOSAL=y, for each of them"),
    ("--wasm-timeout", "write --timeout TIME, or -W timeout=TIME"),
    ("--wmemcheck", "this build of Wasmtime has no wmemcheck"),
];

/// Commands of `wasmtime`, and what to do here.
const COMMANDS: &[(&str, &str)] = &[
    ("completion", "there is no script for shells; `selectio run --help` lists all options"),
    ("config", "write the file by hand and give it with -C cache-config=FILE; it is needed only to move the cache"),
    ("explore", "it shows machine code beside WebAssembly; use `wasmtime explore`"),
    ("hot-blocks", "use --profile=perfmap with perf"),
    ("objdump", "it shows the machine code of a compiled file; use `wasmtime objdump`"),
    ("replay", "nothing is recorded here"),
    (
        "serve",
        "it serves HTTP with components that are made for it; a program with sockets of its own runs with `selectio run`",
    ),
    ("settings", "the options -C cranelift-KEY are those that `wasmtime settings` lists"),
    ("wast", "it runs tests of the specification; use `wasmtime wast`"),
    ("wizer", "it starts a program beforehand; use the tool of that name, and run its result here"),
];

/// What to say of a flag that isn't known here; `flag` may have its value behind `=`.
pub(super) fn flag(flag: &str) -> String {
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    match FLAGS.iter().find(|(known, _)| *known == name) {
        Some((_, instead)) => format!("there is no {name} here: {instead}"),
        None => format!("there is no option {}", name.escape_debug()),
    }
}

/// What to say of a command of Wasmtime's.
pub(super) fn command(name: &str) -> Option<String> {
    let (_, instead) = COMMANDS.iter().find(|(known, _)| *known == name)?;
    Some(format!("there is no command {name} here: {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_of_wasmtime_is_answered_with_what_to_write_here() {
        assert_eq!(flag("--fuel=5"), "there is no --fuel here: write -W fuel=N");
        assert!(flag("--mapdir").contains("--dir HOST::GUEST"));
        assert_eq!(flag("--nonsense"), "there is no option --nonsense");
        assert!(command("serve").is_some() && command("run").is_none());
    }
}
