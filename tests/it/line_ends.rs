//! Lines and raw bytes in turn: a line end that comes in two halves belongs to its line, whoever reads next.

use std::io::{self, Read};

use selectio::AsyncSocket;

use crate::support::{Client, World, sleep, test, wait_until};

/// Reads some raw bytes, if any have come.
type ReadRaw = fn(&AsyncSocket, &mut [u8]) -> Option<usize>;

fn by_recv(socket: &AsyncSocket, buffer: &mut [u8]) -> Option<usize> {
    socket.recv(buffer).expect("it is connected")
}

fn by_read(mut socket: &AsyncSocket, buffer: &mut [u8]) -> Option<usize> {
    match socket.read(buffer) {
        Ok(length) => Some(length),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("it is connected: {error}"),
    }
}

fn try_head(socket: &AsyncSocket) -> Option<()> {
    let line = socket.read_line().expect("it is connected").full()?;
    assert_eq!(&line[..], b"head");
    Some(())
}

/// Sends `text` in two pieces, and reads a line and then the rest, as raw bytes.
fn body(socket: &AsyncSocket, client: &Client, text: &str, cut: usize, read_raw: ReadRaw) -> String {
    client.send(&text[..cut]);
    let has_head = text[..cut].contains(['\r', '\n']);
    if has_head {
        wait_until("the head arrives", || try_head(socket));
    } else {
        sleep(std::time::Duration::from_millis(2));
        assert_eq!(try_head(socket), None, "it is not whole yet");
    }
    client.send(&text[cut..]);
    if !has_head {
        wait_until("the head arrives", || try_head(socket));
    }
    let (mut body, mut buffer) = (Vec::new(), [0; 3]);
    wait_until("the body arrives", || {
        while let Some(length @ 1..) = read_raw(socket, &mut buffer) {
            body.extend_from_slice(&buffer[..length]);
        }
        body.ends_with(b"!").then_some(())
    });
    String::from_utf8(body).expect("text")
}

/// Cuts the text at every place, and expects this body each time.
fn expect_body(world: &World, text: &str, expected: &str, read_raw: ReadRaw, prepare: fn(&AsyncSocket)) {
    for cut in 1..text.len() {
        let (socket, client) = world.connect();
        prepare(&socket);
        assert_eq!(body(&socket, &client, text, cut, read_raw), expected, "{text:?} cut at {cut}");
    }
}

#[test]
fn the_newline_of_a_line_end_is_no_raw_byte_wherever_the_segments_end() {
    let world = World::new();
    expect_body(&world, "head\r\nBODY!", "BODY!", by_recv, |_| {});
}

#[test]
fn the_newline_of_a_line_end_is_not_read_as_a_stream_either() {
    let world = World::new();
    expect_body(&world, "head\r\nBODY!", "BODY!", by_read, |_| {});
}

#[test]
fn the_newline_of_a_line_end_is_taken_out_of_an_unbuffered_socket_too() {
    let world = World::new();
    expect_body(&world, "head\r\nBODY!", "BODY!", by_recv, |socket| socket.set_buffered(false));
}

#[test]
fn a_newline_that_belongs_to_no_line_end_is_a_raw_byte() {
    let world = World::new();
    for read_raw in [by_recv as ReadRaw, by_read] {
        expect_body(&world, "head\r\n\nBODY!", "\nBODY!", read_raw, |_| {});
        expect_body(&world, "head\n\nBODY!", "\nBODY!", read_raw, |_| {});
        expect_body(&world, "head\rBO\nDY!", "BO\nDY!", read_raw, |_| {});
    }
    expect_body(&world, "head\r\n\nBODY!", "\nBODY!", by_recv, |socket| socket.set_buffered(false));
}

#[test]
fn lines_go_on_after_raw_bytes_and_keep_their_ends() {
    let world = World::new();
    let (socket, client) = world.connect();
    client.send("head\r");
    wait_until("the head arrives", || try_head(&socket));
    client.send("\nraw!next\r");
    let (mut raw, mut filled) = ([0; 4], 0);
    wait_until("the raw bytes arrive", || {
        filled += socket.recv(&mut raw[filled..]).expect("it is connected").unwrap_or(0);
        (filled == raw.len()).then_some(())
    });
    assert_eq!(&raw, b"raw!");
    let next = wait_until("the next line arrives", || socket.read_line().expect("it is connected").full());
    assert_eq!(&next[..], b"next");
    client.send("\n\nlast\n");
    let mut rest = Vec::new();
    wait_until("the last line arrives", || {
        rest.extend(socket.read_line().expect("it is connected").full().map(|line| line.to_string()));
        (rest.len() == 2).then_some(())
    });
    assert_eq!(rest, ["", "last"], "the empty line is one, the half of a line end is none");
}
