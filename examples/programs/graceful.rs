//! Not written yet.

fn main() {
    eprintln!("graceful: not written yet");
    std::process::exit(2);
}
