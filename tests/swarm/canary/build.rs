//! Makes a copy of selectio's source in which places that matter can be broken, one at a time. The source itself
//! knows nothing of this.

use std::path::Path;
use std::{env, fs, io};

/// The name of a break, where it is, what stands there, and what stands there in the copy.
const BREAKS: [(&str, &str, &str, &str); 4] = [
    (
        "a stale key finds what came later",
        "dispatcher/slots.rs",
        "if slot.generation == key.generation() { slot.value.as_ref() }",
        "if slot.generation == key.generation() || BREAK { slot.value.as_ref() }",
    ),
    (
        "a byte is dropped when the kernel is full",
        "send_queue.rs",
        "self.bytes.extend(bytes);",
        "self.bytes.extend(&bytes[usize::from(BREAK)..]);",
    ),
    (
        "what was unregistered is served on",
        "registration.rs",
        ".is_some_and(|registration| registration.key == key)",
        ".is_some_and(|registration| registration.key == key) || BREAK",
    ),
    (
        "nobody waits for room to send",
        "socket/events.rs",
        "write: self.is_send_data_buffered() ||",
        "write: (self.is_send_data_buffered() && !BREAK) ||",
    ),
];

fn main() -> io::Result<()> {
    let source = Path::new("../../../src");
    println!("cargo::rerun-if-changed={}", source.display());
    let copy = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("selectio");
    copy_folder(source, &copy)?;
    for (name, file, original, broken) in BREAKS {
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
