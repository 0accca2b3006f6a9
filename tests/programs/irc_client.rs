//! `irc_client`: with a real server, and with ones that do what real ones rarely do.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ChildStdin;

use selectio_driver::guest::START_LIMIT;
use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Ended, Host, System, World, cargo, in_every_world, known_client};

use crate::LIMIT;

in_every_world!(
    two_clients_talk_in_a_channel_of_ngircd,
    it_answers_pings_and_takes_another_nick_when_its_own_is_taken,
    what_is_typed_stays_one_line_and_a_long_text_becomes_several,
    what_a_server_sends_commands_no_terminal,
    the_end_of_the_input_waits_until_everything_was_said,
    asked_to_end_it_says_goodbye,
    a_server_that_is_lost_is_tried_again_where_that_is_possible,
    a_silent_server_is_asked_and_then_given_up,
    a_wrong_call_is_answered_in_one_line,
);

/// The client, as it runs.
struct Client {
    process: Process,
    input: Option<ChildStdin>,
}

impl Client {
    fn start(world: World, server: SocketAddr, options: &[&str]) -> Client {
        let (executable, server) = (cargo::example("irc_client", world).expect("it builds"), server.to_string());
        let mut command = match world {
            World::Native => System::chosen().and_then(|it| it.command(&executable)).expect("the system is there"),
            World::Wasip1 => {
                let mut command = Host::chosen().and_then(Host::bare_command).expect("the host builds");
                command.args(["run", "--tcpconnect", &server]).arg(executable);
                command
            }
            World::Wasip2 => {
                Host::chosen().and_then(|it| it.command(&executable, Network::Whole)).expect("the host builds")
            }
        };
        command.arg(server).args(options);
        let mut process = Process::start(command).expect("it starts");
        let input = process.input();
        Client { process, input }
    }

    fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).expect("it reads");
    }

    fn wait_for(&self, stream: Stream, text: &str) {
        let find = |printed: &str| printed.contains(text).then_some(());
        self.process.wait_for(stream, START_LIMIT, find).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
    }

    fn expect_end(&mut self, exit_code: i32) {
        let status = self.process.wait(LIMIT).expect("it ends");
        assert_eq!(status.code(), Some(exit_code), "{}", self.process.all_output());
    }
}

/// A server of the test's own, and what one client sends to it.
struct Connection {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Connection {
    fn accept(listener: &TcpListener) -> Connection {
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(START_LIMIT)).expect("a stream");
        let lines = BufReader::new(stream.try_clone().expect("a duplicate"));
        Connection { stream, lines }
    }

    /// The next line, `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                assert!(line.ends_with("\r\n") && line.len() <= 512, "{line:?}");
                Some(line.trim_end().to_owned())
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no line: {error}"),
        }
    }

    fn expect(&mut self, lines: &[&str]) {
        for expected in lines {
            assert_eq!(self.line().as_deref(), Some(*expected));
        }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("it is connected");
    }

    /// Plays the start of a connection, until the client has joined its channel.
    fn welcome(&mut self, nick: &str) {
        self.expect(&[&format!("NICK {nick}"), "USER selectio 0 * :selectio"]);
        self.send(&format!(":irc.test 001 {nick} :Welcome\r\n"));
        self.expect(&["JOIN #room"]);
    }
}

/// A client that has joined the channel of a server of the test's own.
fn joined(world: World, options: &[&str]) -> (Client, Connection, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("it is bound");
    let client = Client::start(world, address, &[&["--nick", "alice", "--channel", "#room"], options].concat());
    let mut connection = Connection::accept(&listener);
    connection.welcome("alice");
    (client, connection, listener)
}

/// Starts ngircd on a free port; as the administrator it runs as nobody.
fn ngircd() -> (Process, SocketAddr) {
    for _ in 0..5 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ngircd-{}.conf", address.port()));
        let text = format!(
            "[Global]\nName = irc.test.org\nInfo = a test\nListen = 127.0.0.1\nPorts = {}\nMotdPhrase = hello\n\
             ServerUID = 65534\nServerGID = 65534\n[Limits]\nMaxConnectionsIP = 0\nMaxNickLength = 9\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n",
            address.port()
        );
        fs::write(&path, text).expect("a folder for tests");
        let mut command = known_client::command("ngircd").expect("the server is installed");
        command.args(["-n", "-f"]).arg(path);
        let process = Process::start(command).expect("it starts");
        let has_started = |text: &str| text.contains("ready.").then_some(());
        let has_failed = |text: &str| text.contains("Can't bind").then_some(());
        // Another process may have been faster to take the port.
        let started = process.wait_for(Stream::Stdout, LIMIT, |text| has_started(text).or(has_failed(text)));
        started.expect("it says that it is ready");
        if has_failed(&process.output(Stream::Stdout)).is_none() {
            return (process, address);
        }
    }
    panic!("five times, ngircd did not get the port that was free");
}

fn two_clients_talk_in_a_channel_of_ngircd(world: World) {
    let (_server, address) = ngircd();
    let channel = ["--channel", "#room"];
    let mut alice = Client::start(world, address, &[&["--nick", "alice"], &channel[..]].concat());
    alice.wait_for(Stream::Stdout, "* alice: join #room");
    let mut bob = Client::start(world, address, &[&["--nick", "bob"], &channel[..]].concat());
    alice.wait_for(Stream::Stdout, "* bob: join #room");
    // A third one whose nick is taken.
    let other = Client::start(world, address, &[&["--nick", "bob"], &channel[..]].concat());
    alice.wait_for(Stream::Stdout, "* bob1: join #room");
    other.wait_for(Stream::Stderr, "as bob1");
    alice.type_line("hello, bob: how are you?");
    bob.wait_for(Stream::Stdout, "[#room] <alice> hello, bob: how are you?\n");
    bob.type_line("/msg alice only you hear this");
    alice.wait_for(Stream::Stdout, "\n<bob> only you hear this\n");
    bob.type_line("/me waves");
    alice.wait_for(Stream::Stdout, "[#room] * bob waves\n");
    bob.type_line("/topic #room :News");
    alice.wait_for(Stream::Stdout, "* bob: topic #room News\n");
    bob.type_line("/quit");
    alice.wait_for(Stream::Stdout, "* bob: quit");
    bob.expect_end(0);
    drop(alice.input.take());
    alice.expect_end(0);
    assert!(!other.process.output(Stream::Stdout).contains("only you"));
}

fn it_answers_pings_and_takes_another_nick_when_its_own_is_taken(world: World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("it is bound");
    let client = Client::start(world, address, &["--nick", "longnick1", "--channel", "#room"]);
    let mut server = Connection::accept(&listener);
    server.expect(&["NICK longnick1", "USER selectio 0 * :selectio"]);
    server.send("PING :before all\r\n");
    server.expect(&["PONG :before all"]);
    for number in 1..=10 {
        server.send(":irc.test 433 * longnick1 :Nickname is already in use\r\n");
        let start = if number < 10 { "longnick" } else { "longnic" };
        server.expect(&[&format!("NICK {start}{number}")]);
    }
    server.send(":irc.test 001 longnic10 :Welcome\r\n:irc.te");
    server.expect(&["JOIN #room"]);
    client.wait_for(Stream::Stderr, "as longnic10");
    server.send("st PING word\r\nPING a b\n");
    server.expect(&["PONG :word", "PONG :a"]);
}

fn what_is_typed_stays_one_line_and_a_long_text_becomes_several(world: World) {
    let (mut client, mut server, _listener) = joined(world, &[]);
    client.type_line("one\rQUIT :not this way");
    client.type_line("/topic #room :a\0b");
    client.type_line(&format!("/topic #room :{}", "x".repeat(600)));
    client.type_line("");
    // Each of these has two bytes.
    client.type_line(&"é".repeat(500));
    client.type_line("the last one");
    let text = |count| format!("PRIVMSG #room :{}", "é".repeat(count));
    server.expect(&[&text(200), &text(200), &text(100), "PRIVMSG #room :the last one"]);
    let are_three = |text: &str| (text.matches("not sent").count() == 3).then_some(());
    client.process.wait_for(Stream::Stderr, LIMIT, are_three).expect("each of the others is refused");
}

fn what_a_server_sends_commands_no_terminal(world: World) {
    let (mut client, mut server, _listener) = joined(world, &[]);
    server.send(":b\u{1b}[2Job!u@h PRIVMSG #room :\u{1b}]0;title\u{7}\u{9b}31m\u{202e}txet\r\n");
    server.send(":x!u@h PRIVMSG alice :\u{8}\u{8}\u{1}VERSION\u{1}\r\n");
    server.stream.write_all(b":x!u@h PRIVMSG #room :\xff\xfe\r\n").expect("it is connected");
    // Nonsense of all kinds, among it a line that is longer than any.
    for text in [
        "\r\n\r\n",
        ":\r\n",
        ": \r\n",
        ":a\r\n",
        ":a \r\n",
        "PRIVMSG\r\n",
        ":a PRIVMSG #room\r\n",
        "001\r\n",
        "433\r\n",
    ] {
        server.send(text);
    }
    server.send(&format!(":x!u@h PRIVMSG #room :{}\r\n", "long ".repeat(1000)));
    server.send(":x!u@h PRIVMSG #room :that was all\r\nERROR :\u{1b}[0m\r\n");
    client.wait_for(Stream::Stdout, "[#room] <x> that was all\n");
    let printed = client.process.all_output();
    let is_harmless = |it: char| it == '\n' || !(it.is_control() || it == '\u{202e}');
    assert!(printed.chars().all(is_harmless), "{printed:?}");
    assert!(printed.contains("[2Job> ") && printed.contains("31m\u{fffd}txet"), "{printed:?}");
    client.type_line("still here");
    server.expect(&["PRIVMSG #room :still here"]);
}

fn the_end_of_the_input_waits_until_everything_was_said(world: World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("it is bound");
    let mut client = Client::start(world, address, &["--nick", "alice", "--channel", "#room"]);
    // More than may wait for the welcome.
    let lines: Vec<String> = (0..500).map(|index| format!("line {index}")).collect();
    let mut input = client.input.take().expect("the input is open");
    let text = lines.join("\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let mut server = Connection::accept(&listener);
    server.welcome("alice");
    for line in &lines {
        server.expect(&[&format!("PRIVMSG #room :{line}")]);
    }
    server.expect(&["QUIT :bye"]);
    writer.join().expect("no panic").expect("all was read");
    client.wait_for(Stream::Stderr, "connected to");
    drop(server);
    client.expect_end(0);
}

fn asked_to_end_it_says_goodbye(world: World) {
    let (mut client, mut server, _listener) = joined(world, &[]);
    client.process.interrupt().expect("the signal is sent");
    server.expect(&["QUIT :bye"]);
    server.send("ERROR :Closing connection\r\n");
    drop(server);
    client.expect_end(0);
    // A server that does not close the connection keeps nobody.
    let (mut client, mut server, _listener) = joined(world, &[]);
    client.type_line("/quit");
    server.expect(&["QUIT :bye"]);
    client.expect_end(0);
}

fn a_server_that_is_lost_is_tried_again_where_that_is_possible(world: World) {
    let (mut client, mut server, listener) = joined(world, &[]);
    server.send("ERROR :Closing connection: gone to bed\r\n");
    drop(server);
    client.wait_for(Stream::Stderr, "gone to bed");
    if world == World::Wasip1 {
        client.expect_end(1);
        let printed = client.process.output(Stream::Stderr);
        let told = printed.lines().filter(|line| line.contains("can't connect again")).count();
        assert_eq!(told, 1, "{printed}");
        return;
    }
    let address = listener.local_addr().expect("it is bound");
    let mut server = Connection::accept(&listener);
    server.welcome("alice");
    client.type_line("back again");
    server.expect(&["PRIVMSG #room :back again"]);
    // Now nobody is there for a while, so the pauses grow.
    drop((server, listener));
    client.wait_for(Stream::Stderr, "refused");
    client.type_line("said in the meantime");
    client.wait_for(Stream::Stderr, "next try in 2s");
    let listener = TcpListener::bind(address).expect("nobody else has taken it");
    let mut server = Connection::accept(&listener);
    server.welcome("alice");
    server.expect(&["PRIVMSG #room :said in the meantime"]);
}

fn a_silent_server_is_asked_and_then_given_up(world: World) {
    let (client, mut server, listener) = joined(world, &["--ping-after", "0.5"]);
    server.expect(&["PING :selectio"]);
    server.send(":irc.test PONG irc.test :selectio\r\n");
    server.expect(&["PING :selectio"]);
    client.wait_for(Stream::Stderr, "doesn't answer");
    assert_eq!(server.line(), None, "it is given up");
    if world != World::Wasip1 {
        Connection::accept(&listener).welcome("alice");
    }
}

fn a_wrong_call_is_answered_in_one_line(world: World) {
    for (arguments, complaint) in [
        (&["localhost"][..], "localhost"),
        (&["127.0.0.1:1", "127.0.0.1:2"], "127.0.0.1:2"),
        (&["127.0.0.1:1", "--channel", "room"], "room"),
        (&["127.0.0.1:1", "--channel", "#a,#b"], "#a,#b"),
        (&["127.0.0.1:1", "--nick", "a b"], "a b"),
        (&["127.0.0.1:1", "--nick", ""], "nick"),
        (&["127.0.0.1:1", "--ping-after", "0"], "--ping-after"),
        (&["127.0.0.1:1", "--loud"], "--loud"),
    ] {
        let ended = Ended::of_example("irc_client", world, Network::None, arguments).expect("it ends");
        ended.expect_refusal(world.exit_code(2), complaint);
    }
}
