//! Listeners at the path of a Unix socket: the file comes and goes with its server.

use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use selectio::AsyncSocket;

/// A path of this test's own, which is free.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("selectio-{}-{name}.sock", std::process::id()));
    // Of an earlier run that was killed.
    let _ = std::fs::remove_file(&path);
    path
}

fn listen(path: &std::path::Path) -> std::io::Result<AsyncSocket> {
    AsyncSocket::listener(path.to_str().expect("the path is text"))
}

#[test]
fn the_file_of_a_listener_is_removed_when_it_closes() {
    let path = path("removed");
    let server = listen(&path).expect("nobody has it");
    let _client = UnixStream::connect(&path).expect("it listens");
    server.close().expect("it was open");
    assert!(!path.exists());
    drop(listen(&path).expect("it is free again"));
    assert!(!path.exists(), "dropping the last handle closes");
}

#[test]
fn a_file_that_a_dead_server_left_behind_is_replaced() {
    let path = path("stale");
    drop(UnixListener::bind(&path).expect("nobody has it"));
    assert!(path.exists(), "the standard library leaves it there");
    let server = listen(&path).expect("nobody listens");
    let _client = UnixStream::connect(&path).expect("it listens");
    drop(server);
}

#[test]
fn the_file_of_a_server_that_lives_is_left_alone() {
    let path = path("live");
    let first = listen(&path).expect("nobody has it");
    let error = listen(&path).expect_err("somebody listens");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(path.to_str().expect("text")), "{error}");
    let _client = UnixStream::connect(&path).expect("the first one still listens");
    drop(first);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let path = path("file");
    std::fs::write(&path, "mine").expect("it can be written");
    listen(&path).expect_err("it is somebody's file");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
    std::fs::remove_file(&path).expect("it is there");
}
