//! Not written yet.

fn main() {
    eprintln!("irc_client: not written yet");
    std::process::exit(2);
}
