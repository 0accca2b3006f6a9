//! Not written yet.

fn main() {
    eprintln!("redis: not written yet");
    std::process::exit(2);
}
