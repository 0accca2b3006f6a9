//! The network that a component gets: as granted, and told when it is refused.

use crate::command::outcome;
use crate::component_guest::{Printing, pollables, standard};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use selectio_host::Host;
use socket2::Socket;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the standard guest with these options, as one that has printed a line and was refused nothing before.
fn run(options: &[&str], action: &[&str]) -> (Option<i32>, String, String) {
    outcome(&[&["run", "--timeout", "60"], options, &[standard()], action].concat())
}

fn echo(printing: &mut Printing, address: &str) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(printing.line(), client.local_addr().unwrap().to_string(), "the real address of the peer");
}

#[test]
fn it_serves_where_it_may_listen() {
    for (grant, address) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1", "127.0.0.1:0"),
        ("127.0.0.0/8", "127.0.0.1:0"),
        ("*:0", "0.0.0.0:0"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("*", "127.0.0.1:0"),
        ("localhost:*", "127.0.0.1:0"),
        ("::1", "[::1]:0"),
    ] {
        let mut printing = Printing::start(&["--allow-tcp", grant, standard(), "echo", address]);
        let local = printing.line().replace("0.0.0.0", "127.0.0.1");
        echo(&mut printing, &local);
        echo(&mut printing, &local);
        let last = TcpStream::connect(&local).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        assert_eq!(printing.code(), Some(0), "{grant}");
    }
}

#[test]
fn it_may_listen_nowhere_else() {
    for (grant, address, remedy) in [
        (None, "127.0.0.1:7", "127.0.0.1:7"),
        (None, "127.0.0.1:0", "127.0.0.1:0"),
        (None, "[::1]:7", "[::1]:7"),
        (Some("127.0.0.1:7"), "127.0.0.1:0", "127.0.0.1:0"),
        (Some("127.0.0.1:0"), "127.0.0.1:7", "127.0.0.1:7"),
        (Some("127.0.0.1"), "127.0.0.2:0", "127.0.0.2:0"),
        (Some("127.0.0.1"), "0.0.0.0:7", "0.0.0.0:7"),
    ] {
        let options = grant.map_or(vec![], |grant| vec!["--allow-tcp", grant]);
        let (code, output, errors) = run(&options, &["bind", address]);
        assert_eq!((code, output.as_str()), (Some(0), "Err(PermissionDenied)\n"), "{grant:?} {address}");
        let expected = format!(
            "selectio: refused to bind TCP {address}: allow it with --allow-tcp {remedy}, or everything with \
             --inherit-network\n"
        );
        assert_eq!(errors, expected, "{grant:?} {address}");
    }
    // Any port of any address may be bound, which is nothing yet.
    let (code, output, errors) = run(&["--allow-tcp", "127.0.0.1"], &["bind", "0.0.0.0:0"]);
    assert_eq!((code, output.as_str()), (Some(0), "Err(PermissionDenied)\n"));
    assert!(errors.starts_with("selectio: refused to listen on TCP 0.0.0.0:0: allow it with --allow-tcp 0.0.0.0:0"));
}

/// Answers one client with what it has sent.
fn answer_one() -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        client.read_to_end(&mut text).unwrap();
        client.write_all(&text).unwrap();
    };
    (address, thread::spawn(answer))
}

#[test]
fn it_connects_where_it_may() {
    let (address, peer) = answer_one();
    let port = address.rsplit(':').next().unwrap();
    let (code, output, errors) = run(&["--allow-tcp", &address], &["connect", &address]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(output.starts_with("127.0.0.1:") && output.ends_with(" \"hello\"\n"), "{output}");
    peer.join().unwrap();
    let (again, peer) = answer_one();
    let name = format!("localhost:{}", again.rsplit(':').next().unwrap());
    let (code, _, errors) = run(&["--allow-tcp", &name], &["connect", &name]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "by its name, which it may look up then");
    peer.join().unwrap();
    let other = format!("127.0.0.2:{port}");
    let (code, _, errors) = run(&["--allow-tcp", &address], &["connect", &other]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with(&format!("selectio: refused to connect to TCP {other}: ")), "{errors}");
}

#[test]
fn names_are_looked_up_as_granted() {
    let refused = "selectio: refused to look up the name \"localhost\": allow it with --allow-names\n";
    for options in [&[][..], &["--inherit-network"], &["--allow-tcp", "127.0.0.1"]] {
        let (code, output, errors) = run(options, &["look up", "localhost"]);
        assert_eq!((code, output.as_str(), errors.as_str()), (Some(0), "Err(PermissionDenied)\n", refused));
    }
    for options in [&["--allow-names"][..], &["-S", "allow-ip-name-lookup"], &["--allow-udp", "LocalHost:1"]] {
        let (code, output, errors) = run(options, &["look up", "localhost"]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{options:?}");
        assert!(output.starts_with("Ok("), "{options:?}: {output}");
    }
}

#[test]
fn datagrams_are_answered_and_sent_as_granted() {
    let mut printing = Printing::start(&["--allow-udp", "127.0.0.1:0", standard(), "udp", "127.0.0.1:0"]);
    let local = printing.line();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.send_to(b"hello", &local).unwrap();
    let mut bytes = [0; 10];
    assert_eq!(peer.recv(&mut bytes).unwrap(), 5);
    assert_eq!(printing.line(), format!("{} Ok(5)", peer.local_addr().unwrap()));
    peer.send_to(b"", &local).unwrap();
    assert_eq!(printing.code(), Some(0));
    let address = peer.local_addr().unwrap().to_string();
    assert_eq!(run(&["--allow-udp", &address], &["send", &address]).1, "Ok(2)\n");
    let (_, output, errors) = run(&[], &["send", &address]);
    assert_eq!(output, "Err(PermissionDenied)\n");
    assert!(errors.starts_with(&format!("selectio: refused to send to UDP {address}: allow it with --allow-udp")));
    let (_, _, errors) = run(&[], &["udp", "127.0.0.1:9"]);
    assert!(errors.contains("refused to bind UDP 127.0.0.1:9: "), "{errors}");
}

#[test]
fn who_may_be_sent_to_may_answer_and_nobody_else() {
    let (peer, stranger) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = peer.local_addr().unwrap().to_string();
    let mut printing = Printing::start(&["--allow-udp", &address, standard(), "hear", &address]);
    let (_, guest) = peer.recv_from(&mut [0; 10]).unwrap();
    stranger.send_to(b"stranger", guest).unwrap();
    peer.send_to(b"answer", guest).unwrap();
    assert_eq!(printing.line(), format!("{address} \"answer\""));
    assert_eq!(printing.code(), Some(0));
}

#[test]
fn a_kind_of_socket_can_be_forbidden() {
    let (_, output, _) = run(&["--inherit-network", "-S", "tcp=n"], &["bind", "127.0.0.1:0"]);
    assert_eq!(output, "Err(PermissionDenied)\n");
    let (_, output, _) = run(&["--inherit-network", "-S", "udp=n"], &["bind", "127.0.0.1:0"]);
    assert_eq!(output, "Ok(())\n");
    let (_, _, errors) = run(&["-S", "inherit-network,udp=n"], &["udp", "127.0.0.1:0"]);
    assert!(errors.contains("PermissionDenied"), "{errors}");
}

#[test]
fn sockets_are_limited_and_closed_ones_do_not_count() {
    let options = ["--inherit-network", "--max-sockets", "5"];
    let (code, output, _) = run(&options, &["bind many", "7"]);
    assert_eq!((code, output.as_str()), (Some(0), "refused after 5\n1 are open\n"));
}

#[test]
fn accepted_sockets_count_too() {
    let mut printing = Printing::start(&["--inherit-network", "--max-sockets", "2", standard(), "echo", "127.0.0.1:0"]);
    let local = printing.line();
    // One after the other, each with the place of the one before.
    echo(&mut printing, &local);
    echo(&mut printing, &local);
    drop(printing);
    let mut printing = Printing::start(&["--inherit-network", "--max-sockets", "1", standard(), "echo", "127.0.0.1:0"]);
    let local = printing.line();
    let _client = TcpStream::connect(local).unwrap();
    assert_eq!(printing.code(), Some(1), "accepting fails");
}

/// Whether all TCP sockets of the process send at once.
fn all_send_at_once(pid: u32) -> bool {
    let process = pidfd_open(Pid::from_raw(pid as i32).unwrap(), PidfdFlags::empty()).unwrap();
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(|entry| {
        let number = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let fd: OwnedFd = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok()?;
        Some(Socket::from(fd))
    });
    let options: Vec<bool> = sockets
        .filter(|socket| socket.local_addr().is_ok_and(|address| address.as_socket().is_some()))
        .map(|socket| socket.tcp_nodelay().unwrap())
        .collect();
    assert!(!options.is_empty());
    options.into_iter().all(|is_on| is_on)
}

#[test]
fn small_answers_leave_at_once_unless_asked_otherwise() {
    for (options, expected) in [(&[][..], true), (&["--nagle"][..], false)] {
        let arguments = [options, &["--inherit-network", standard(), "echo", "127.0.0.1:0"]].concat();
        let mut printing = Printing::start(&arguments);
        let mut client = TcpStream::connect(printing.line()).unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert_eq!(all_send_at_once(printing.running.pid()), expected, "{options:?}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let arguments = [options, &["--inherit-network", standard(), "receive", &address]].concat();
        let mut printing = Printing::start(&arguments);
        assert_eq!(printing.line(), "ready");
        assert_eq!(all_send_at_once(printing.running.pid()), expected, "{options:?}");
    }
}

#[test]
fn an_embedder_is_told_of_refusals() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let host = Host::builder()
        .module_file(standard())
        .args(["bind", "127.0.0.1:7"])
        .stdout(std::io::sink())
        .on_refusal(move |line| sink.lock().unwrap().push(line.to_owned()));
    assert_eq!(host.build().unwrap().run().unwrap(), 0);
    let lines = lines.lock().unwrap();
    assert!(lines.len() == 1 && lines[0].starts_with("refused to bind TCP 127.0.0.1:7: "), "{lines:?}");
}

#[test]
fn the_log_has_its_connections() {
    let (address, peer) = answer_one();
    let (_, _, log) = run(&["--inherit-network", "--log", "stderr"], &["connect", &address]);
    peer.join().unwrap();
    assert!(log.contains(&format!("the program connects to {address}")), "{log}");
    assert_eq!(outcome(&["run", pollables(), "instants"]).0, Some(0));
}
