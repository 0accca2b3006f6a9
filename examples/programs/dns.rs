//! Not written yet.

fn main() {
    eprintln!("dns: not written yet");
    std::process::exit(2);
}
