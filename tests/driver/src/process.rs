//! One running program: its output, its exit code, its CPU time.

use std::io::Read;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How much of each stream is kept. What comes after is read and dropped, so that the program never blocks.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Clock ticks in a second in /proc/PID/stat: the kernel shows 100 to programs on every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// One of a program's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
}

#[derive(Debug, Default)]
struct Output {
    captured: Mutex<Captured>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Captured {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    streams_ended: usize,
}

impl Process {
    /// Starts `command` with its output captured and its input piped ([`Process::input`]).
    pub fn start(command: Command) -> Result<Process> {
        let mut command = if ignores_interrupts() { heeding_interrupts(&command) } else { command };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{:?} could not be started", command.get_program()))?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            capture(stdout, Stream::Stdout, &output);
        }
        if let Some(stderr) = child.stderr.take() {
            capture(stderr, Stream::Stderr, &output);
        }
        Ok(Process { child, output })
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The program's standard input, once. Dropping it is the end of the input.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What the program wrote to `stream` so far.
    pub fn output(&self, stream: Stream) -> String {
        String::from_utf8_lossy(self.output.lock().of(stream)).into_owned()
    }

    /// Everything that the program wrote so far, for a message about what went wrong.
    pub fn all_output(&self) -> String {
        self.output(Stream::Stdout) + &self.output(Stream::Stderr)
    }

    /// Waits until `find` finds something in what the program wrote to `stream`; that can be the whole lines only.
    pub fn wait_for<T>(&self, stream: Stream, limit: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + limit;
        let mut captured = self.output.lock();
        loop {
            let whole_lines = whole_lines(captured.of(stream));
            if let Some(found) = find(&whole_lines) {
                return Ok(found);
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            let cause = match (captured.streams_ended, remaining) {
                (2.., _) => "the program ended first".to_owned(),
                (_, Duration::ZERO) => format!("nothing within {limit:?}"),
                _ => {
                    captured = self.output.wait(captured, remaining);
                    continue;
                }
            };
            drop(captured);
            return Err(anyhow!("{cause}; it printed:\n{}", self.all_output()));
        }
    }

    /// Waits until the program has ended and its output is complete.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                bail!("still running after {limit:?}; it printed:\n{}", self.all_output());
            }
            thread::sleep(Duration::from_millis(2));
        };
        // Bounded, because a child of the program could still hold its output open.
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut captured = self.output.lock();
        while captured.streams_ended < 2 && Instant::now() < deadline {
            let remaining = deadline.saturating_duration_since(Instant::now());
            captured = self.output.wait(captured, remaining);
        }
        Ok(status)
    }

    /// Sends the signal that Ctrl-C sends.
    #[cfg(unix)]
    pub fn interrupt(&self) -> Result<()> {
        self.signal("INT")
    }

    /// Sends the signal of this name, such as `TERM`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) -> Result<()> {
        let (option, id) = (format!("-{name}"), self.child.id().to_string());
        let status = Command::new("kill").args([&option, &id]).status()?;
        if !status.success() {
            bail!("`kill {option} {id}` failed");
        }
        Ok(())
    }

    /// The CPU time that the program has used so far, in user and in system mode, in steps of 10 ms.
    /// `None` on systems without /proc.
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        cpu_time(&stat)
    }

    /// How many bytes of memory the program has in use now. `None` on systems without /proc.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(kilobytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }
}

/// Whether this process was started to ignore Ctrl-C, as a shell does with what it runs in the background. What it
/// starts would ignore it as well.
fn ignores_interrupts() -> bool {
    const SIGINT_BIT: u64 = 1 << (2 - 1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & SIGINT_BIT != 0)
}

/// The same call, started as from a terminal.
fn heeding_interrupts(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal=INT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => env.env(name, value),
            None => env.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        env.current_dir(folder);
    }
    env
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.captured.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, captured: MutexGuard<'a, Captured>, limit: Duration) -> MutexGuard<'a, Captured> {
        match self.changed.wait_timeout(captured, limit) {
            Ok((captured, _)) => captured,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}

impl Captured {
    fn of(&self, stream: Stream) -> &Vec<u8> {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }
}

/// Reads a stream of the program into `output`, in a thread of its own, until the stream ends.
fn capture(mut from: impl Read + Send + 'static, stream: Stream, output: &Arc<Output>) {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let mut captured = output.lock();
            let kept = match stream {
                Stream::Stdout => &mut captured.stdout,
                Stream::Stderr => &mut captured.stderr,
            };
            let room = KEPT_BYTES_MAX - kept.len();
            kept.extend_from_slice(&bytes[..length.min(room)]);
            output.changed.notify_all();
        }
        output.lock().streams_ended += 1;
        output.changed.notify_all();
    });
}

fn whole_lines(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Reads utime and stime, fields 14 and 15. The name in field 2 may hold spaces, so counting starts after its `)`.
fn cpu_time(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Process, Stream, cpu_time};
    use std::process::Command;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command).expect("sh starts")
    }

    #[test]
    fn both_streams_and_the_exit_code() {
        let mut process = shell("echo out; echo err >&2; exit 3");
        assert_eq!(process.wait(LIMIT).expect("it ends").code(), Some(3));
        assert_eq!(process.output(Stream::Stdout), "out\n");
        assert_eq!(process.output(Stream::Stderr), "err\n");
    }

    #[test]
    fn waiting_ends_when_the_program_does() {
        let process = shell("echo something else");
        let error = process.wait_for(Stream::Stdout, LIMIT, |_| None::<()>).expect_err("no match");
        assert!(error.to_string().contains("something else"), "{error}");
    }

    #[test]
    fn interrupted() {
        let mut process = shell("echo ready; exec sleep 60");
        let is_ready = |text: &str| text.contains("ready").then_some(());
        process.wait_for(Stream::Stdout, LIMIT, is_ready).expect("it starts");
        process.interrupt().expect("the signal is sent");
        assert_eq!(process.wait(LIMIT).expect("it ends").code(), None);
    }

    #[test]
    fn cpu_time_of_a_name_with_spaces() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 90 0 0 0 12 30 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(420)));
    }
}
