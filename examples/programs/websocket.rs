//! Not written yet.

fn main() {
    eprintln!("websocket: not written yet");
    std::process::exit(2);
}
