//! Shows how far a build is: cargo's own progress bar on a terminal, a line now and then elsewhere.

use std::env;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a line says how far the build is, where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(15);

/// Has cargo draw its progress bar, which it would not do behind a pipe. What is no terminal is told its count.
pub fn ask_for(command: &mut Command) {
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", env::var_os("COLUMNS").unwrap_or_else(|| "80".into()));
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
}

/// Passes on what cargo writes to `stderr` while it builds `what`, below a line that says so and adds `remark`; a build
/// with nothing to do is silent. Returns at the end of cargo's output.
pub fn relay(stderr: impl Read + Send + 'static, what: &str, remark: &str) {
    let mut progress = Progress::new(io::stderr(), io::stderr().is_terminal(), what, remark);
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        for piece in Pieces(BufReader::new(stderr)) {
            if sender.send(piece).is_err() {
                break;
            }
        }
    });
    let mut next = Instant::now() + INTERVAL;
    loop {
        match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(piece) => progress.take(&piece),
            Err(RecvTimeoutError::Timeout) => {
                progress.tell();
                next = Instant::now() + INTERVAL;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let _ = reader.join();
    progress.close();
}

/// Lines, and progress bars, each with the \n or \r that it ends with: a bar's \r lets the next one cover it.
struct Pieces<R>(BufReader<R>);

impl<R: Read> Iterator for Pieces<R> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        for byte in self.0.by_ref().bytes().map_while(Result::ok) {
            piece.push(byte);
            if byte == b'\n' || byte == b'\r' {
                break;
            }
        }
        (!piece.is_empty()).then_some(piece)
    }
}

/// One build.
struct Progress<W> {
    output: W,
    is_terminal: bool,
    what: String,
    remark: String,
    start: Instant,
    /// Whether the line that says what is being built has been written.
    is_announced: bool,
    /// How many of how many steps are done, by the last bar.
    steps: Option<(u32, u32)>,
}

impl<W: Write> Progress<W> {
    fn new(output: W, is_terminal: bool, what: &str, remark: &str) -> Self {
        let (what, remark) = (what.to_owned(), remark.to_owned());
        Progress { output, is_terminal, what, remark, start: Instant::now(), is_announced: false, steps: None }
    }

    /// Takes in a line or a bar of cargo's.
    fn take(&mut self, piece: &[u8]) {
        let text = String::from_utf8_lossy(piece);
        let steps = steps(&text);
        self.steps = steps.or(self.steps);
        // The closing line is all that a build with nothing to do prints.
        if text.contains("Finished") {
            return;
        }
        self.announce();
        // The count tells as much, in fewer lines.
        let is_counted = steps.is_some() || text.trim_start().starts_with("Compiling ");
        if self.is_terminal || !is_counted {
            self.write(piece);
        }
    }

    fn announce(&mut self) {
        if !self.is_announced {
            self.is_announced = true;
            let colon = if self.remark.is_empty() { "" } else { ": " };
            self.write(format!("building {}{colon}{}\n", self.what, self.remark).as_bytes());
        }
    }

    /// Says how far it is, where no bar does.
    fn tell(&mut self) {
        if self.is_terminal || !self.is_announced {
            return;
        }
        let steps = self.steps.map_or_else(String::new, |(done, all)| format!("{done} of {all} steps, "));
        let line = format!("building {}: {steps}{} s\n", self.what, self.start.elapsed().as_secs());
        self.write(line.as_bytes());
    }

    fn close(&mut self) {
        if !self.is_announced {
            return;
        }
        if self.is_terminal {
            // Clears the last progress bar.
            self.write(b"\r\x1b[K");
        } else {
            let line = format!("building {}: ended after {} s\n", self.what, self.start.elapsed().as_secs());
            self.write(line.as_bytes());
        }
    }

    /// What can't be shown is no reason to end a build.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.output.write_all(bytes);
        let _ = self.output.flush();
    }
}

/// The count in a progress bar such as `Building [====>     ] 4/19: anyhow, libc(build)`.
fn steps(text: &str) -> Option<(u32, u32)> {
    let counted = text.split_once('[')?.1.split_once("] ")?.1.split(':').next()?;
    let (done, all) = counted.split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Pieces, Progress, steps};
    use std::io::BufReader;

    const COMPILING: &str = "   Compiling libc v0.2.191\n";
    const BAR: &str = "    Building [====>                ] 4/19: anyhow(build.rs), libc(buil\u{2026}\r";
    const WARNING: &str = "warning: unused variable\n";
    const FINISHED: &str = "    Finished `dev` profile [unoptimized + debuginfo] target(s) in 24.76s\n";

    /// What is shown of these pieces of cargo's output, with an interval before the last of them.
    fn shown(is_terminal: bool, pieces: &[&str]) -> String {
        let mut progress = Progress::new(Vec::new(), is_terminal, "the host", "two minutes");
        let (last, first) = pieces.split_last().expect("there are pieces");
        for piece in first {
            progress.take(piece.as_bytes());
        }
        progress.tell();
        progress.take(last.as_bytes());
        progress.close();
        String::from_utf8(progress.output).expect("text")
    }

    #[test]
    fn a_build_with_nothing_to_do_is_silent() {
        assert_eq!(shown(true, &[FINISHED]), "");
        assert_eq!(shown(false, &[FINISHED]), "");
    }

    #[test]
    fn a_terminal_gets_what_cargo_draws() {
        let expected = format!("building the host: two minutes\n{COMPILING}{BAR}{WARNING}\r\u{1b}[K");
        assert_eq!(shown(true, &[COMPILING, BAR, WARNING, FINISHED]), expected);
    }

    #[test]
    fn without_a_terminal_a_line_says_how_far_it_is() {
        let expected = format!(
            "building the host: two minutes\n{WARNING}building the host: 4 of 19 steps, 0 s\n\
             building the host: ended after 0 s\n"
        );
        assert_eq!(shown(false, &[COMPILING, BAR, WARNING, FINISHED]), expected);
    }

    #[test]
    fn bars_and_lines_are_told_apart() {
        let text = format!("{BAR}{COMPILING}{BAR}an end");
        let pieces: Vec<Vec<u8>> = Pieces(BufReader::new(text.as_bytes())).collect();
        assert_eq!(pieces, [BAR, COMPILING, BAR, "an end"].map(|it| it.as_bytes().to_vec()));
        assert_eq!(steps(BAR), Some((4, 19)));
        assert_eq!(steps(COMPILING), None);
        assert_eq!(steps("error[E0308]: mismatched types [1/2]\n"), None);
    }
}
