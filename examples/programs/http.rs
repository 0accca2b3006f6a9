//! Not written yet.

fn main() {
    eprintln!("http: not written yet");
    std::process::exit(2);
}
