//! Not written yet.

fn main() {
    eprintln!("hyper: not written yet");
    std::process::exit(2);
}
