//! Saying what to run, and with what.

mod limits;
mod network;

use crate::component::{self, ComponentProgram};
use crate::environment;
use crate::error::Error;
use crate::given::{Directory, Given};
use crate::host::Host;
use crate::invoke::Invocation;
use crate::module::{EngineSettings, Kind, Source};
use crate::network::Asked;
use crate::preopen::Preopen;
use crate::profile::GuestProfile;
use crate::program::{LinkOptions, Program, UnknownImports};
use crate::runnable::Runnable;
use crate::shutdown::ShutdownRequest;
use crate::stdio::Output;
use crate::stop::StopHandle;
use crate::trace::Trace;
use crate::workers::WorkerEnd;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasmtime::{Config, Val};

/// Of a thread that a guest runs on: what main threads usually have.
const STACK_BYTES: usize = 8 * 1024 * 1024;

const NOT_SHARED: &str = "several workers can share listeners, and no connection: give it to one worker alone";

const NOT_PROFILED: &str = "samples are taken of one program: give it one worker";

/// Everything that a guest is given; made by [`Host::builder`].
#[derive(Default)]
pub struct HostBuilder {
    source: Option<Source>,
    preopens: Vec<Preopen>,
    given: Given,
    network: Asked,
    engine_config: Option<Config>,
    argument_0: Option<String>,
    inherits_environment: bool,
    preloads: Vec<(String, PathBuf)>,
    link_options: LinkOptions,
}

impl Host {
    /// Starts saying what to run.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }
}

impl HostBuilder {
    /// The program: a file with a WebAssembly module built for wasm32-wasip1, or a component built for wasm32-wasip2.
    /// Its file name is the guest's argument 0.
    pub fn module_file(mut self, path: impl Into<PathBuf>) -> HostBuilder {
        self.source = Some(Source::File(path.into()));
        self
    }

    /// The program, from memory; `name` is the guest's argument 0.
    pub fn module_bytes(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> HostBuilder {
        self.source = Some(Source::Bytes { name: name.into(), bytes: bytes.into() });
        self
    }

    /// An argument for the guest, after argument 0.
    pub fn arg(mut self, argument: impl Into<String>) -> HostBuilder {
        self.given.arguments.push(argument.into());
        self
    }

    /// Arguments for the guest, after argument 0.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> HostBuilder {
        self.given.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// A variable of the guest's environment, which is empty otherwise (but
    /// for `LISTEN_FDS` and `LISTEN_FDNAMES` when there are sockets).
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> HostBuilder {
        self.given.environment.push((key.into(), value.into()));
        self
    }

    /// Argument 0 of the guest, in place of the name of its module.
    pub fn argv0(mut self, name: impl Into<String>) -> HostBuilder {
        self.argument_0 = Some(name.into());
        self
    }

    /// Passes on all variables of this process's environment; [`HostBuilder::env`] has precedence. Those that tell a
    /// process of its sockets are left out: the guest's own are others.
    pub fn inherit_env(mut self) -> HostBuilder {
        self.inherits_environment = true;
        self
    }

    /// A directory that the guest may use, and its name there.
    pub fn directory(mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> HostBuilder {
        self.given.directories.push(Directory { host: host.into(), guest: guest.into(), is_read_only: false });
        self
    }

    /// A directory that the guest may read and not change, and its name there.
    pub fn directory_read_only(mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> HostBuilder {
        self.given.directories.push(Directory { host: host.into(), guest: guest.into(), is_read_only: true });
        self
    }

    /// A socket for the guest; the first has the number 3 there, the next 4.
    ///
    /// ```
    /// use selectio_host::{Host, Preopen};
    /// use std::net::TcpListener;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A listener of the caller's own, with whatever options it shall have.
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let guest = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    /// let host = Host::builder().module_bytes("guest.wat", guest).preopen(Preopen::try_from(listener)?).build()?;
    /// let (fd, socket) = host.preopens().next().expect("one socket");
    /// assert_eq!(fd, 3);
    /// assert!(socket.address().starts_with("127.0.0.1:"));
    /// assert_eq!(host.run()?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn preopen(mut self, socket: Preopen) -> HostBuilder {
        self.preopens.push(socket);
        self
    }

    /// What the guest writes to its standard output goes here, in place of the process's own. Writing takes place on
    /// the guest's thread.
    ///
    /// ```
    /// use selectio_host::Host;
    /// use std::io::{self, Read};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let guest = r#"(module
    ///     (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    ///     (memory (export "memory") 1)
    ///     (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
    ///     (func (export "_start")
    ///         (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;
    /// let (mut reader, writer) = io::pipe()?;
    /// assert_eq!(Host::builder().module_bytes("guest.wat", guest).stdout(writer).build()?.run()?, 0);
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout(mut self, writer: impl Write + Send + 'static) -> HostBuilder {
        self.given.output = Output::Writer(Arc::new(Mutex::new(writer)));
        self
    }

    /// As [`Self::stdout`], for its standard error.
    pub fn stderr(mut self, writer: impl Write + Send + 'static) -> HostBuilder {
        self.given.error_output = Output::Writer(Arc::new(Mutex::new(writer)));
        self
    }

    /// The guest's standard input is at its end, in place of being the process's own.
    pub fn no_stdin(mut self) -> HostBuilder {
        self.given.has_no_input = true;
        self
    }

    /// How many guests run this program, each in a thread of its own with a memory and limits of its own, all with
    /// the same sockets: whoever accepts first has the connection. Connected streams can't be shared so.
    pub fn workers(mut self, count: NonZeroUsize) -> HostBuilder {
        self.given.further_workers = count.get() - 1;
        self
    }

    /// Starts a guest anew that has trapped or wanted more memory than it may have: after 100 ms, and after twice the
    /// time whenever it fails again soon, up to 10 s. Connections to its listeners wait meanwhile.
    pub fn restart(mut self) -> HostBuilder {
        self.given.is_restarted = true;
        self
    }

    /// Asks the guests to end: each finds it under the number [`SHUTDOWN_FD`](crate::SHUTDOWN_FD), which is not open
    /// otherwise. A component finds it at [reserved instants](selectio_platform::reserved_instants) of its clock.
    pub fn shutdown(mut self, request: ShutdownRequest) -> HostBuilder {
        self.given.shutdown = Some(request);
        self
    }

    /// Lets the guests be ended at once, by `handle`. They look at every loop whether that is so, which costs a little.
    ///
    /// ```
    /// use selectio_host::{Error, Host, StopHandle};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Error> {
    /// let guest = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))"#;
    /// let stop = StopHandle::new()?;
    /// let host = Host::builder().module_bytes("guest.wat", guest).stop(stop.clone()).build()?;
    /// let guest = thread::spawn(|| host.run());
    /// thread::sleep(Duration::from_millis(50));
    /// stop.stop();
    /// assert!(matches!(guest.join().expect("it doesn't panic"), Err(Error::Stopped)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(mut self, handle: StopHandle) -> HostBuilder {
        self.given.stop = Some(handle);
        self
    }

    /// Tells of each call of the guest, in one line with its arguments and result, when it has ended.
    pub fn trace(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> HostBuilder {
        self.given.trace = Some(Trace(Arc::new(tell)));
        self
    }

    /// Called once, when all guests have waited in `poll_oneoff`, or for a pollable, for the first time: they serve.
    pub fn on_ready(mut self, tell: impl Fn() + Send + Sync + 'static) -> HostBuilder {
        self.given.watchers.ready = Some(Arc::new(tell));
        self
    }

    /// Called whenever a guest has ended.
    pub fn on_end(mut self, tell: impl Fn(&WorkerEnd<'_>) + Send + Sync + 'static) -> HostBuilder {
        self.given.watchers.end = Some(Arc::new(tell));
        self
    }

    /// What Wasmtime is set to, in place of what this host sets by itself: a cache of compiled programs where there
    /// can be one, and places in the source in backtraces. What other calls need is added.
    pub fn engine_config(mut self, config: Config) -> HostBuilder {
        self.engine_config = Some(config);
        self
    }

    /// Allows programs that [`HostBuilder::precompile`] or `wasmtime compile` has compiled.
    ///
    /// # Safety
    ///
    /// All modules that are given to this builder, and are compiled ones, come from there unchanged. Anything else could
    /// do whatever this process can.
    pub unsafe fn allow_precompiled(mut self) -> HostBuilder {
        self.link_options.trusts_precompiled = true;
        self
    }

    /// A module that is started before the program, which imports what it exports under `name`. It may import
    /// preview1, and what comes from modules before it.
    pub fn preload(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> HostBuilder {
        self.preloads.push((name.into(), path.into()));
        self
    }

    /// Functions that the program imports and nobody provides trap when they are called.
    pub fn trap_unknown_imports(mut self) -> HostBuilder {
        self.link_options.unknown_imports = UnknownImports::Trap;
        self
    }

    /// Functions that the program imports and nobody provides answer 0; memories, tables and globals are its own.
    pub fn default_unknown_imports(mut self) -> HostBuilder {
        self.link_options.unknown_imports = UnknownImports::Default;
        self
    }

    /// Lets a program be [preloaded](HostBuilder::preload) that exports more than functions.
    pub fn allow_unknown_exports(mut self) -> HostBuilder {
        self.link_options.allows_unknown_exports = true;
        self
    }

    /// Calls this function in place of the program's start; what it takes is read from the program's arguments. `report`
    /// gets its results.
    pub fn invoke(
        mut self,
        function: impl Into<String>,
        report: impl Fn(&[Val]) + Send + Sync + 'static,
    ) -> HostBuilder {
        let invocation = Invocation { function: function.into(), report: Arc::new(report) };
        self.link_options.invocation = Some(invocation);
        self
    }

    /// Writes a core dump to this file when the program traps.
    pub fn core_dump(mut self, path: impl Into<PathBuf>) -> HostBuilder {
        self.given.core_dump = Some(path.into());
        self
    }

    /// Samples what the program computes, once in each interval, and writes that to a file in the format of the Firefox
    /// profiler.
    pub fn guest_profile(mut self, path: impl Into<PathBuf>, interval: Duration) -> HostBuilder {
        self.given.profile = Some(GuestProfile { path: path.into(), interval });
        self
    }

    /// Loads the program and compiles it, or takes it from the cache of
    /// compiled programs. Nothing of it runs yet.
    pub fn build(mut self) -> Result<Host, Error> {
        let code = self.source.take().ok_or(Error::NoModule)?.read()?;
        if self.given.limits.time.is_some() && self.given.stop.is_none() {
            self.given.stop = Some(StopHandle::new()?);
        }
        if self.given.workers() > 1 && self.preopens.iter().any(|socket| !socket.is_listener()) {
            return Err(Error::Host { reason: NOT_SHARED.to_owned() });
        }
        if self.given.workers() > 1 && self.given.profile.is_some() {
            return Err(Error::Host { reason: NOT_PROFILED.to_owned() });
        }
        if self.inherits_environment {
            environment::inherit(&mut self.given.environment)?;
        }
        for (name, path) in std::mem::take(&mut self.preloads) {
            self.link_options.preloads.push((name, Source::File(path).read()?));
        }
        let settings = self.engine_settings();
        let program = match code.kind()? {
            Kind::Module => {
                component::check_module(&code.name, &self.network)?;
                Runnable::Module(Box::new(Program::load(&code, &settings, self.link_options, &self.given.arguments)?))
            }
            Kind::Component => {
                component::check(&code.name, &self.given, &self.link_options, !self.preopens.is_empty())?;
                self.given.network = Arc::new(self.network.access()?);
                Runnable::Component(ComponentProgram::load(&code, &settings, &self.link_options)?)
            }
        };
        self.given.arguments.insert(0, self.argument_0.unwrap_or(code.name));
        // What the host's functions need, beside what the guest may take.
        self.given.stack_bytes = STACK_BYTES.saturating_add(program.engine().get_max_wasm_stack());
        Ok(Host::new(self.given, program, self.preopens))
    }

    /// Compiles the program for later, to what [`HostBuilder::allow_precompiled`] allows to run. It has to run with the
    /// same [settings](HostBuilder::engine_config).
    pub fn precompile(mut self) -> Result<Vec<u8>, Error> {
        let code = self.source.take().ok_or(Error::NoModule)?.read()?;
        code.precompile(&self.engine_settings())
    }

    /// With all that other calls need.
    fn engine_settings(&mut self) -> EngineSettings {
        let mut settings = EngineSettings::new(self.engine_config.take());
        if self.given.stop.is_some() || self.given.profile.is_some() {
            settings.need_interruption();
        }
        if self.given.limits.fuel.is_some() {
            settings.need_fuel();
        }
        if self.given.core_dump.is_some() {
            settings.need_core_dumps();
        }
        settings
    }
}
