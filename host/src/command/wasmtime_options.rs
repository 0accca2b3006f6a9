//! The options `-W`, `-O`, `-C`, `-D`, `-S` and `--config`, as Wasmtime spells and reads them.

use super::option_table;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use selectio_host::HostBuilder;
use std::io;
use std::path::Path;
use std::time::Duration;
use wasmtime::{Cache, Config, WasmBacktraceDetails};
use wasmtime_cli_flags::{CommonOptions, DebugOptions, WasiOptions, WasmOptions};

/// What each group is about, in a line.
const GROUPS: [(&str, &str); 5] = [
    ("wasm_raw", "Limits and proposals of WebAssembly, such as fuel=N; -W help lists them"),
    ("opts_raw", "How code is optimized and memory is laid out; -O help lists them"),
    ("codegen_raw", "How code is compiled and cached; -C help lists them"),
    ("debug_raw", "Core dumps, backtraces and debug information; -D help lists them"),
    ("wasi_raw", "What the program gets of WASI; -S help lists them"),
];

/// The options, checked, and what is set by them.
pub(super) struct WasmtimeOptions {
    config: Config,
    wasm: WasmOptions,
    wasi: WasiOptions,
    debug: DebugOptions,
    /// What the code is for, when it is not this machine.
    target: Option<String>,
    /// The options of the group `-S`, for a command that has nothing to do with them.
    has_wasi: bool,
}

impl Args for WasmtimeOptions {
    fn augment_args(command: Command) -> Command {
        let command = CommonOptions::augment_args(command);
        let command = command.mut_arg("record_raw", |argument| argument.hide(true));
        let command =
            command.mut_arg("config", |argument| one_line(argument, "Read these options from a TOML file too"));
        let command = command.mut_arg("target", |argument| argument.hide(true));
        GROUPS.iter().fold(command, |command, (id, about)| command.mut_arg(id, |argument| one_line(argument, about)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        WasmtimeOptions::augment_args(command)
    }
}

fn one_line(argument: Arg, about: &'static str) -> Arg {
    argument.help(about).long_help(about)
}

impl FromArgMatches for WasmtimeOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<WasmtimeOptions, clap::Error> {
        WasmtimeOptions::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<WasmtimeOptions, clap::Error> {
        let options = CommonOptions::from_arg_matches_mut(matches)?;
        WasmtimeOptions::new(options).map_err(|problem| clap::Error::raw(ErrorKind::InvalidValue, problem))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = WasmtimeOptions::from_arg_matches(matches)?;
        Ok(())
    }
}

impl WasmtimeOptions {
    fn new(mut options: CommonOptions) -> Result<WasmtimeOptions, String> {
        read_all(&mut options)?;
        refuse(&options)?;
        let has_wasi = options.wasi != WasiOptions::default();
        // A cache that can't be had is no reason not to run, and Wasmtime would make it one.
        let wants_cache = options.codegen.cache != Some(false);
        options.codegen.cache = Some(false);
        let mut config = options.config(None).map_err(|error| format!("Wasmtime can't be set so: {}", line(&error)))?;
        if wants_cache {
            config.cache(cache(options.codegen.cache_config.as_deref())?);
        }
        if options.debug.max_backtrace == Some(0) {
            config.wasm_backtrace_max_frames(None);
        } else {
            config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
        }
        let CommonOptions { wasm, wasi, debug, target, .. } = options;
        Ok(WasmtimeOptions { config, wasm, wasi, debug, target, has_wasi })
    }

    pub(super) fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    pub(super) fn has_wasi(&self) -> bool {
        self.has_wasi
    }

    pub(super) fn has_target(&self) -> bool {
        self.target.is_some()
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.wasm.timeout
    }

    /// A time limit puts something into the code, also into code that is to run later.
    pub(super) fn has_timeout(&self) -> bool {
        self.timeout().is_some()
    }

    /// The listeners of `-S tcplisten`.
    pub(super) fn tcp_listeners(&self) -> &[String] {
        &self.wasi.tcplisten
    }

    /// The sockets of `-S listenfd`.
    pub(super) fn inherits_sockets(&self) -> bool {
        self.wasi.listenfd == Some(true)
    }

    /// Tells the builder everything but the sockets.
    pub(super) fn apply(self, builder: HostBuilder) -> HostBuilder {
        let WasmtimeOptions { config, wasm, wasi, debug, .. } = self;
        let builder = apply_limits(&wasm, builder.engine_config(config));
        let builder = apply_wasi(&wasi, builder);
        let builder = match wasm.unknown_imports_trap {
            Some(true) => builder.trap_unknown_imports(),
            _ if wasm.unknown_imports_default == Some(true) => builder.default_unknown_imports(),
            _ => builder,
        };
        let builder = if wasm.unknown_exports_allow == Some(true) { builder.allow_unknown_exports() } else { builder };
        with(debug.coredump, builder, HostBuilder::core_dump)
    }
}

/// Calls `set` with a value that is there.
fn with<T>(value: Option<T>, builder: HostBuilder, set: impl FnOnce(HostBuilder, T) -> HostBuilder) -> HostBuilder {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

fn apply_limits(wasm: &WasmOptions, builder: HostBuilder) -> HostBuilder {
    let builder = with(wasm.fuel, builder, HostBuilder::fuel);
    let builder = with(wasm.max_memory_size, builder, HostBuilder::max_memory_size);
    let builder = with(wasm.max_table_elements, builder, HostBuilder::max_table_elements);
    let builder = with(wasm.max_memories, builder, HostBuilder::max_memories);
    let builder = with(wasm.max_tables, builder, HostBuilder::max_tables);
    let builder = with(wasm.max_instances, builder, HostBuilder::max_instances);
    if wasm.trap_on_grow_failure == Some(true) { builder.trap_on_grow_failure() } else { builder }
}

fn apply_wasi(wasi: &WasiOptions, builder: HostBuilder) -> HostBuilder {
    let builder = with(wasi.hostcall_fuel, builder, HostBuilder::hostcall_fuel);
    let builder = with(wasi.max_random_size, builder, HostBuilder::max_random_size);
    let builder = with(wasi.max_resources, builder, HostBuilder::max_resources);
    let builder = with(wasi.max_component_handles, builder, HostBuilder::max_component_handles);
    let builder = apply_network(wasi, builder);
    let builder = if wasi.inherit_env == Some(true) { builder.inherit_env() } else { builder };
    let builder = if wasi.inherit_stdin == Some(false) { builder.no_stdin() } else { builder };
    let builder = if wasi.inherit_stdout == Some(false) { builder.stdout(io::sink()) } else { builder };
    if wasi.inherit_stderr == Some(false) { builder.stderr(io::sink()) } else { builder }
}

/// What is only to be off is off by itself, but for the kinds of sockets.
fn apply_network(wasi: &WasiOptions, builder: HostBuilder) -> HostBuilder {
    let builder = if wasi.inherit_network == Some(true) { builder.inherit_network() } else { builder };
    let builder = if wasi.allow_ip_name_lookup == Some(true) { builder.allow_name_lookup() } else { builder };
    let builder = if wasi.tcp == Some(false) { builder.forbid_tcp() } else { builder };
    let builder = if wasi.udp == Some(false) { builder.forbid_udp() } else { builder };
    if wasi.network_error_code == Some(true) { builder.network_error_code() } else { builder }
}

/// Puts what the command line and the file of `--config` say into the public fields.
fn read_all(options: &mut CommonOptions) -> Result<(), String> {
    match options.init_logging() {
        Ok(()) => Ok(()),
        // Refused by its name.
        Err(_) if options.debug.logging.is_some() || options.debug.log_to_files.is_some() => Ok(()),
        Err(error) => Err(line(&error)),
    }
}

/// What this host doesn't have, and what can't be meant.
fn refuse(options: &CommonOptions) -> Result<(), String> {
    let wasi = &options.wasi;
    let always = [
        ("cli", wasi.cli),
        ("cli-exit-with-code", wasi.cli_exit_with_code),
        ("common", wasi.common),
        ("preview0", wasi.preview0),
    ];
    for (name, is_off) in always {
        if is_off == Some(false) {
            return Err(format!(
                "-S{name}=n: this host offers it always, and a program that doesn't import it isn't concerned; leave it out"
            ));
        }
    }
    if options.wasm.timeout.is_some_and(|limit| limit.is_zero()) {
        return Err("-Wtimeout=0: give it some time, or leave the limit out".to_owned());
    }
    if options.wasm.unknown_imports_trap == Some(true) && options.wasm.unknown_imports_default == Some(true) {
        return Err("-Wunknown-imports-trap and -Wunknown-imports-default: choose one of them".to_owned());
    }
    // What Wasmtime prints is one option after the other, with blanks between them and maybe in these values.
    let mut shown = options.clone();
    shown.wasi.tcplisten.clear();
    shown.debug.coredump = None;
    shown.codegen.cache_config = None;
    (shown.target, shown.config) = (None, None);
    shown.to_string().split(' ').find_map(option_table::refusal).map_or(Ok(()), Err)
}

/// The cache of compiled programs; the default one only where there can be one.
fn cache(file: Option<&str>) -> Result<Option<Cache>, String> {
    match Cache::from_file(file.map(Path::new)) {
        Ok(cache) => Ok(Some(cache)),
        Err(_) if file.is_none() => Ok(None),
        Err(error) => Err(format!("-Ccache-config: {}", line(&error))),
    }
}

/// An error with its causes, in one line.
fn line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
