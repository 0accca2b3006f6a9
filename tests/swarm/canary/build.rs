//! Makes a copy of selectio's source in which places that matter can be broken, one at a time. The source itself
//! knows nothing of this.

use std::path::Path;
use std::{env, fs, io};

/// A place that can be broken. Places of one name break together.
struct Break {
    name: &'static str,
    /// Below `src`.
    file: &'static str,
    original: &'static str,
    /// What stands there in the copy; `BREAK` is whether it is broken.
    broken: &'static str,
}

const fn at(name: &'static str, file: &'static str, original: &'static str, broken: &'static str) -> Break {
    Break { name, file, original, broken }
}

const BREAKS: [Break; 22] = [
    at(
        "a stale key finds what came later",
        "dispatcher/slots.rs",
        "if slot.generation == key.generation() { slot.value.as_ref() }",
        "if slot.generation == key.generation() || BREAK { slot.value.as_ref() }",
    ),
    at(
        "a stale key finds what came later",
        "registration.rs",
        ".is_some_and(|registration| registration.key == key)",
        ".is_some_and(|registration| registration.key == key || BREAK)",
    ),
    at(
        "a byte is dropped when the kernel is full",
        "send_queue.rs",
        "self.push(&piece[skipped..]);",
        "self.push(&piece[skipped + usize::from(BREAK)..]);",
    ),
    at(
        "what was unregistered is served on",
        "registration.rs",
        ".is_some_and(|registration| registration.key == key ||",
        ".is_some_and(|registration| BREAK || registration.key == key ||",
    ),
    at(
        "nobody waits for room to send",
        "socket/state.rs",
        "write: self.is_send_blocked || self.is_writing()",
        "write: (self.is_send_blocked && !BREAK) || self.is_writing()",
    ),
    at(
        "a turn has no budget",
        "socket/turn.rs",
        "TURN_BYTES.saturating_sub(self.spent.get())",
        "if BREAK { usize::MAX } else { TURN_BYTES.saturating_sub(self.spent.get()) }",
    ),
    at(
        "accepting costs nothing",
        "socket/listen.rs",
        "inner.turn.spend(ACCEPT_COST);",
        "inner.turn.spend(if BREAK { 0 } else { ACCEPT_COST });",
    ),
    at(
        "the end is told again",
        "socket/events.rs",
        "self.inner.read.set(ReadSide::Told);",
        "self.inner.read.set(if BREAK { ReadSide::Ended } else { ReadSide::Told });",
    ),
    at(
        "closing drops what waits to be sent",
        "socket/finish.rs",
        "if inner.queue.borrow().is_empty() {",
        "if inner.queue.borrow().is_empty() || BREAK {",
    ),
    at(
        "a socket's own limit of time is never cancelled",
        "socket/timers.rs",
        "dispatcher.cancel(timer);\n        }\n    }\n}\n\nimpl Drop",
        "let _ = BREAK || dispatcher.cancel(timer);\n        }\n    }\n}\n\nimpl Drop",
    ),
    at(
        "a connect that has succeeded still runs out of time",
        "socket/connect.rs",
        "if !self.is_closing() {\n                    self.set_deadline(self.handshake_deadline());",
        "if !self.is_closing() && !BREAK {\n                    self.set_deadline(self.handshake_deadline());",
    ),
    at(
        "timers outlive their socket",
        "socket/timers.rs",
        "drop(self.inner.timers.take());",
        "if BREAK { std::mem::forget(self.inner.timers.take()) } else { drop(self.inner.timers.take()) }",
    ),
    at(
        "there is something to deliver for ever",
        "socket/events.rs",
        "AsyncSocket { inner: self }.state().wants().deliver_now",
        "AsyncSocket { inner: self }.state().wants().deliver_now || BREAK",
    ),
    at(
        "there is something to deliver for ever",
        "socket/events.rs",
        "if wants.deliver_now {",
        "if wants.deliver_now || BREAK {",
    ),
    at(
        "bytes that nobody may read are delivered",
        "socket/state.rs",
        "let has_bytes = self.has_unread && self.is_reading();",
        "let has_bytes = self.has_unread && (self.is_reading() || BREAK);",
    ),
    at(
        "what is drained is not watched",
        "socket/state.rs",
        "ReadSide::Open | ReadSide::Drained => self.is_reading() || self.is_shaking_hands,",
        "ReadSide::Open => self.is_reading(),\n            ReadSide::Drained => self.is_reading() && !BREAK || self.is_shaking_hands,",
    ),
    at(
        "a reader waits for an event that nobody watches for",
        "socket/receive.rs",
        "self.inner.link.is_attached() && self.state().is_reading()",
        "self.inner.link.is_attached() && (self.state().is_reading() || BREAK)",
    ),
    at(
        "the end of back-pressure is forgotten",
        "socket/transmit.rs",
        "inner.is_drain_due.set(true);",
        "inner.is_drain_due.set(!BREAK);",
    ),
    at(
        "a socket that is to close is served on",
        "socket/state.rs",
        "matches!(self, WriteSide::CloseAfterFlush | WriteSide::Lingering)",
        "!BREAK && matches!(self, WriteSide::CloseAfterFlush | WriteSide::Lingering)",
    ),
    at(
        "a socket that is to close has its task run",
        "socket/events.rs",
        "!socket.is_closing() && socket.call(\"handle_task\"",
        "(!socket.is_closing() || BREAK) && socket.call(\"handle_task\"",
    ),
    at(
        "a client that is turned away costs the listener",
        "socket/listen.rs",
        "if self.inner.has_accepted.get() && !self.inner.is_broken.get()",
        "if self.inner.has_accepted.get() && !self.inner.is_broken.get() && !BREAK",
    ),
    at(
        "the rest of a line end is taken for data",
        "line_reader.rs",
        "if length == 0 || !std::mem::take(&mut self.swallow_newline) || bytes[0] != b'\\n' {",
        "if length == 0 || !std::mem::take(&mut self.swallow_newline) || bytes[0] != b'\\n' || BREAK {",
    ),
];

fn main() -> io::Result<()> {
    // Features of the library; the copy has none of them.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"tls\"))");
    let source = Path::new("../../../src");
    println!("cargo::rerun-if-changed={}", source.display());
    let copy = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("selectio");
    copy_folder(source, &copy)?;
    for Break { name, file, original, broken } in BREAKS {
        edit(&copy.join(file), |text| {
            let count = text.matches(original).count();
            assert!(count == 1, "src/{file} has {count} places `{original}` to break: name another one in build.rs");
            text.replace(original, &broken.replace("BREAK", &format!("crate::canary::sings({name:?})")))
        })?;
    }
    // What is included into a module can't begin with what is about the crate.
    edit(&copy.join("lib.rs"), |text| {
        let lines = text.lines().filter(|line| !line.starts_with("//!") && !line.starts_with("#!["));
        lines.map(|line| format!("{line}\n")).collect()
    })
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    fs::write(path, change(text))
}
