//! `redis`: speaks with the clients of Redis, and with what claims to be one.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Commands, Connection, RedisResult};
use selectio_driver::client::Client;
use selectio_driver::host::Network;
use selectio_driver::{Ended, Program, World, in_every_world, known_client};

use crate::LIMIT;
use crate::raw::{connect, expect, receive_all};

in_every_world!(
    redis_cli_sees_what_redis_shows,
    redis_benchmark_measures_it,
    a_client_library_stores_and_listens,
    requests_do_not_depend_on_the_segments_they_arrive_in,
    garbage_costs_its_sender_alone,
    a_large_value_comes_back_as_it_went,
    keys_expire_by_themselves,
    a_subscriber_that_takes_nothing_is_cut_off_alone,
    answers_wait_until_they_are_taken,
    resets_leave_nothing_behind,
    a_wish_to_end_ends_it_at_once,
    wrong_calls_are_answered_in_one_line,
);

fn start(world: World) -> Program {
    Program::start("redis", world, &[]).expect("it starts")
}

#[track_caller]
fn ask(stream: &mut TcpStream, request: &[u8], expected: &[u8]) {
    stream.write_all(request).expect("it is connected");
    expect(stream, expected);
}

fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

const SESSION: &[(&str, &str)] = &[
    ("ping", "PONG"),
    ("ECHO \"hello world\"", "hello world"),
    ("get key", ""),
    ("set key 5", "OK"),
    ("INCR key", "6"),
    ("decr key", "5"),
    ("get key extra", "ERR wrong number of arguments for 'get' command\n"),
    ("set key text", "OK"),
    ("incr key", "ERR value is not an integer or out of range\n"),
    ("lpush key 1", "WRONGTYPE Operation against a key holding the wrong kind of value\n"),
    ("set max 9223372036854775807", "OK"),
    ("incr max", "ERR increment or decrement would overflow\n"),
    ("set plus +1", "OK"),
    ("incr plus", "ERR value is not an integer or out of range\n"),
    ("set key other nx", ""),
    ("set none other xx", ""),
    ("set key other xx get", "text"),
    ("set key other nx xx", "ERR syntax error\n"),
    ("set key other ex", "ERR syntax error\n"),
    ("set key other ex 0", "ERR invalid expire time in 'set' command\n"),
    ("set key other ex x", "ERR value is not an integer or out of range\n"),
    ("get key", "other"),
    ("lpush list a b c", "3"),
    ("rpush list d", "4"),
    ("llen list", "4"),
    ("lrange list 0 -1", "c\nb\na\nd"),
    ("lrange list -2 100", "a\nd"),
    ("lrange list 3 1", ""),
    ("lrange list a 1", "ERR value is not an integer or out of range\n"),
    ("get list", "WRONGTYPE Operation against a key holding the wrong kind of value\n"),
    ("llen none", "0"),
    ("set list text", "OK"),
    ("set short 1 ex 100", "OK"),
    ("ttl short", "100"),
    ("persist short", "1"),
    ("ttl short", "-1"),
    ("ttl none", "-2"),
    ("pttl none", "-2"),
    ("expire short 100", "1"),
    ("expire none 100", "0"),
    ("set short 2", "OK"),
    ("ttl short", "-1"),
    ("expire short -1", "1"),
    ("exists short key list list", "3"),
    ("del short key list", "2"),
    ("dbsize", "2"),
    ("nonsense a b", "ERR unknown command 'nonsense', with args beginning with: 'a' 'b' \n"),
    ("select 0", "OK"),
    ("select 1", "ERR DB index is out of range\n"),
    ("config get save", "save\n"),
    ("client setname me", "OK"),
    ("publish nobody text", "0"),
    ("flushall", "OK"),
    ("dbsize", "0"),
];

fn redis_cli_sees_what_redis_shows(world: World) {
    let program = start(world);
    let mut command = known_client::command("redis-cli").expect("it is installed");
    command.args(["-h", "127.0.0.1", "-p", &program.address.port().to_string()]);
    let input: String = SESSION.iter().fold(String::new(), |text, (request, _)| text + request + "\n");
    let output = run(command, &input);
    let expected = SESSION.iter().fold(String::new(), |text, (_, answer)| text + answer + "\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
}

fn redis_benchmark_measures_it(world: World) {
    let program = start(world);
    let mut command = known_client::command("redis-benchmark").expect("it is installed");
    command.args(["-p", &program.address.port().to_string(), "-t", "ping,set,get,incr,lpush,rpush,lrange_100"]);
    command.args(["-c", "20", "-P", "16", "-n", "2000", "-q"]);
    let output = run(command, "");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // Two kinds of pings, and what fills the list for the last one.
    assert_eq!(text.matches("requests per second").count(), 9, "{text}");
    assert!(output.status.success() && !text.contains("WARNING") && !text.contains("rror"), "{text}");
}

fn library(program: &Program) -> Connection {
    let client = redis::Client::open(format!("redis://{}/", program.address)).expect("an address");
    let connection = client.get_connection_with_timeout(LIMIT).expect("it listens");
    connection.set_read_timeout(Some(LIMIT)).expect("a stream");
    connection
}

fn a_client_library_stores_and_listens(world: World) {
    let program = start(world);
    let mut connection = library(&program);
    let all: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let () = connection.set("binary\r\nkey", &all).expect("it is stored");
    assert_eq!(connection.get::<_, Vec<u8>>("binary\r\nkey").expect("it is there"), all);
    let () = connection.set_ex("short", "text", 100).expect("it is stored");
    assert_eq!(connection.ttl::<_, i64>("short").expect("it is there"), 100);
    let answers: (i64, Vec<String>, bool) = redis::pipe()
        .lpush("list", &["a", "b"])
        .lrange("list", 0, -1)
        .exists("list")
        .query(&mut connection)
        .expect("all");
    assert_eq!(answers, (2, vec!["b".to_owned(), "a".to_owned()], true));
    let wrong: RedisResult<i64> = connection.incr("list", 1);
    assert_eq!(wrong.expect_err("a list").code(), Some("WRONGTYPE"));

    let mut listening = library(&program);
    let mut subscription = listening.as_pubsub();
    subscription.subscribe(&["news", "weather"]).expect("it subscribes");
    assert_eq!(connection.publish::<_, _, i64>("news", b"first\r\n").expect("it is sent"), 1);
    assert_eq!(connection.publish::<_, _, i64>("sports", "nothing").expect("it is sent"), 0);
    assert_eq!(connection.publish::<_, _, i64>("weather", "second").expect("it is sent"), 1);
    for (channel, text) in [("news", "first\r\n"), ("weather", "second")] {
        let message = subscription.get_message().expect("it comes");
        assert_eq!((message.get_channel_name(), message.get_payload_bytes()), (channel, text.as_bytes()));
    }
    subscription.unsubscribe("news").expect("it unsubscribes");
    assert_eq!(connection.publish::<_, _, i64>("news", "third").expect("it is sent"), 0);
}

fn requests_do_not_depend_on_the_segments_they_arrive_in(world: World) {
    let program = start(world);
    let requests =
        b"*3\r\n$3\r\nSET\r\n$2\r\nab\r\n$7\r\n\r\n$3\r\n*\r\nget ab\r\n\r\n*0\r\n*2\r\n$4\r\nEcho\r\n$0\r\n\r\n\
        *-1\r\n  PING  \n*2\r\n$4\r\nLLEN\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n";
    let answers = b"+OK\r\n$7\r\n\r\n$3\r\n*\r\n$0\r\n\r\n+PONG\r\n:0\r\n+PONG\r\n";
    for length in [1, 2, 3, 5, 7, 11, requests.len()] {
        let mut stream = connect(program.address);
        for segment in requests.chunks(length) {
            stream.write_all(segment).expect("it is connected");
            // So that they are not all received at once.
            thread::sleep(Duration::from_millis(1));
        }
        expect(&mut stream, answers);
        stream.shutdown(Shutdown::Write).expect("it is connected");
        assert_eq!(receive_all(&mut stream), b"", "nothing is answered twice");
    }
}

fn garbage_costs_its_sender_alone(world: World) {
    let program = start(world);
    let mut other = connect(program.address);
    ask(&mut other, b"SET key value\r\n", b"+OK\r\n");
    let long = [b'x'; 70_000];
    let many = [b"*2\r\n$3\r\nGET\r\n$".as_slice(), &[b'1'; 100]].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"*1000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*2\r\n$3\r\nGET\r\n$1000000000\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*2\r\n$3\r\nGET\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (&many, "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\nGET\r\n", "-ERR Protocol error: expected '$', got 'G'\r\n"),
        (&long, "-ERR Protocol error: too big inline request\r\n"),
        (b"GET \"a b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"PING\r\n*1\r\n:1\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nFLUSHALL\r\n", ""),
    ];
    for (garbage, answer) in cases {
        let mut stream = connect(program.address);
        stream.write_all(garbage).expect("it is connected");
        assert_eq!(String::from_utf8_lossy(&receive_all(&mut stream)), *answer, "{}", garbage.escape_ascii());
    }
    ask(&mut other, b"GET key\r\n", b"$5\r\nvalue\r\n");
    ask(&mut other, b"SET \"a b\" 'c \"d'\nGET \"a b\"\n", b"+OK\r\n$4\r\nc \"d\r\n");
}

fn a_large_value_comes_back_as_it_went(world: World) {
    let length = if world == World::Native { 60_000_000 } else { 5_000_000 };
    let program = start(world);
    let value: Vec<u8> = (0..length).map(|index: u32| (index % 251) as u8).collect();
    let mut stream = connect(program.address);
    write!(stream, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${length}\r\n").expect("it is connected");
    // Segments of odd lengths, of which the first are so small that looking at everything again would take for ever.
    value[..2_000].chunks(1).chain(value[2_000..].chunks(4_999)).for_each(|segment| {
        stream.write_all(segment).expect("it is connected");
    });
    ask(&mut stream, b"\r\n", b"+OK\r\n");
    stream.write_all(b"GET key\r\nPING\r\n").expect("it is connected");
    expect(&mut stream, format!("${length}\r\n").as_bytes());
    expect(&mut stream, &value);
    expect(&mut stream, b"\r\n+PONG\r\n");
}

fn keys_expire_by_themselves(world: World) {
    let program = start(world);
    let mut stream = connect(program.address);
    ask(&mut stream, b"SET late x\r\nSET early x PX 1\r\nEXPIRE late 100\r\n", b"+OK\r\n+OK\r\n:1\r\n");
    let mut requests = String::new();
    for index in 0..3000 {
        let _ = write!(requests, "SET {index} x PX 200\r\n");
    }
    ask(&mut stream, requests.as_bytes(), "+OK\r\n".repeat(3000).as_bytes());
    thread::sleep(Duration::from_millis(250));
    // Whether or not they were removed already.
    let requests = b"EXISTS early 1 2\r\nGET 3\r\nTTL 4\r\nINCR 5\r\nPERSIST 6\r\nGET 6\r\n";
    ask(&mut stream, requests, b":0\r\n$-1\r\n:-2\r\n:1\r\n:0\r\n$-1\r\n");
    let deadline = Instant::now() + LIMIT;
    let mut client = Client::connect(program.address).expect("it listens");
    loop {
        client.send_line("DBSIZE").expect("it is connected");
        let answer = client.receive().expect("it is connected");
        if format!("{answer:?}").contains(":2\\r") {
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?} are left");
        thread::sleep(Duration::from_millis(10));
    }
}

fn a_subscriber_that_takes_nothing_is_cut_off_alone(world: World) {
    const LENGTH: usize = 1 << 20;
    let program = start(world);
    let [mut slow, mut quick, mut publisher] = [(); 3].map(|()| connect(program.address));
    let subscribed = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
    ask(&mut slow, b"SUBSCRIBE news\r\n", subscribed);
    ask(&mut quick, b"SUBSCRIBE news\r\n", subscribed);
    ask(&mut quick, b"GET key\r\n", b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE");
    let _ = read_line(&mut quick);
    let request =
        [format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n${LENGTH}\r\n").as_bytes(), &[b'x'; LENGTH], b"\r\n"].concat();
    let message =
        [format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n${LENGTH}\r\n").as_bytes(), &[b'x'; LENGTH], b"\r\n"].concat();
    for count in 0.. {
        assert!(count < 200, "{count} messages wait for who takes none");
        publisher.write_all(&request).expect("it is connected");
        let receivers = read_line(&mut publisher);
        expect(&mut quick, &message);
        if receivers == ":1\r\n" {
            break;
        }
        assert_eq!(receivers, ":2\r\n");
    }
    ask(&mut quick, b"PING\r\nPING text\r\n", b"*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$4\r\ntext\r\n");
    let text = b"*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n";
    ask(&mut quick, b"UNSUBSCRIBE\r\n", text);
    ask(&mut quick, b"PING\r\n", b"+PONG\r\n");
    ask(&mut publisher, b"PUBLISH news text\r\n", b":0\r\n");
}

fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a line");
        line.extend(byte);
    }
    String::from_utf8_lossy(&line).into_owned()
}

fn answers_wait_until_they_are_taken(world: World) {
    const LENGTH: usize = 1 << 20;
    const COUNT: usize = 100;
    let program = start(world);
    let mut stream = connect(program.address);
    let request =
        [format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${LENGTH}\r\n").as_bytes(), &[b'x'; LENGTH], b"\r\n"].concat();
    ask(&mut stream, &request, b"+OK\r\n");
    let before = program.process.resident_bytes();
    stream.write_all("GET key\r\n".repeat(COUNT).as_bytes()).expect("it is connected");
    let mut other = connect(program.address);
    ask(&mut other, b"PING\r\n", b"+PONG\r\n");
    let answer = [format!("${LENGTH}\r\n").as_bytes(), &[b'x'; LENGTH], b"\r\n"].concat();
    for _ in 0..COUNT {
        expect(&mut stream, &answer);
    }
    if let (Some(before), Some(after)) = (before, program.process.resident_bytes()) {
        assert!(after.saturating_sub(before) < 30 << 20, "{before} bytes, then {after}");
    }
    ask(&mut stream, b"PING\r\n", b"+PONG\r\n");
}

fn resets_leave_nothing_behind(world: World) {
    let program = start(world);
    for sent in [b"".as_slice(), b"*2\r\n$3\r\nGET\r\n$100\r\nxx", b"SUBSCRIBE a b c\r\n", b"PING\r\nGET key\r\nPI"] {
        for _ in 0..20 {
            let mut client = Client::connect(program.address).expect("it listens");
            client.send(sent).expect("it is connected");
            client.reset().expect("it is connected");
        }
    }
    let mut stream = connect(program.address);
    let deadline = Instant::now() + LIMIT;
    loop {
        stream.write_all(b"PUBLISH b text\r\n").expect("it is connected");
        if read_line(&mut stream) == ":0\r\n" {
            break;
        }
        assert!(Instant::now() < deadline, "subscribers that were reset are still there");
    }
}

fn a_wish_to_end_ends_it_at_once(world: World) {
    let mut program = start(world);
    let mut stream = connect(program.address);
    ask(&mut stream, b"PING\r\n", b"+PONG\r\n");
    program.process.signal("TERM").expect("the signal is sent");
    let status = program.process.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", program.process.all_output());
    assert_eq!(receive_all(&mut stream), b"");
}

fn wrong_calls_are_answered_in_one_line(world: World) {
    for arguments in
        [&["nonsense"][..], &["127.0.0.1:0", "127.0.0.1:0"], &["--tls-cert", "x"], &["--nonsense"], &["--tls-key"]]
    {
        let ended = Ended::of_example("redis", world, Network::None, arguments).expect("it ends");
        // A component ends well or not, without a number.
        ended.expect_refusal(if world == World::Wasip2 { 1 } else { 2 }, "redis: ");
    }
    let ended = Ended::of_example("redis", world, Network::None, &["--help"]).expect("it ends");
    assert_eq!((ended.exit_code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("--tls-cert"), "{}", ended.stdout);
}
