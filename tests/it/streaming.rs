//! Answers that are made while they are sent, for clients that have said all that they had to say.

use std::cell::Cell;
use std::rc::Rc;

use selectio::AsyncSocket;

use crate::support::{State, World, pattern_byte, pattern_checksum, test};

const LENGTH: u64 = 3_000_000;
const PIECE: u64 = 16 * 1024;

/// What is left of the answer.
type Left = Rc<Cell<u64>>;

/// Sends the next piece, and says whether that was the last one.
fn send_piece(socket: &AsyncSocket, left: &Left) -> std::io::Result<bool> {
    let (start, length) = (LENGTH - left.get(), PIECE.min(left.get()));
    socket.send((start..start + length).map(|index| pattern_byte(index, 9)).collect::<Vec<u8>>())?;
    left.set(left.get() - length);
    Ok(left.get() == 0)
}

/// Starts the answer with the first line, for a client that ends its side together with that line.
fn answer(world: &World, start: impl Fn(&AsyncSocket, Left) -> std::io::Result<()> + 'static) {
    let (socket, client) = world.connect();
    let socket_before = socket.clone();
    socket.set_handle_read(move |socket, _| {
        while let Some(line) = socket.read_line()?.full() {
            assert_eq!(line, "get");
            start(socket, Rc::new(Cell::new(LENGTH)))?;
        }
        Ok(())
    });
    world.dispatcher.register(&socket).expect("it is open");
    client.send("get\n");
    client.shutdown();
    world.poll_until("it closes by itself", || socket_before.is_closed());
    client.wait_for_state(State::Eof);
    let received = client.received();
    assert_eq!((received.length, received.checksum), (LENGTH, pattern_checksum(LENGTH, 9)));
}

#[test]
fn a_half_closed_client_gets_all_that_the_write_handler_sends() {
    answer(&World::new(), |socket, left| {
        socket.set_handle_write(move |socket, _| {
            if send_piece(socket, &left)? {
                socket.del_handle_write();
            }
            Ok(())
        });
        Ok(())
    });
}

#[test]
fn a_half_closed_client_gets_all_that_is_sent_as_back_pressure_allows() {
    fn fill(socket: &AsyncSocket, left: &Left) -> std::io::Result<()> {
        while !socket.is_send_buffer_full() && left.get() > 0 {
            send_piece(socket, left)?;
        }
        Ok(())
    }
    answer(&World::new(), |socket, left| {
        let rest = left.clone();
        socket.set_handle_drain(move |socket, _| fill(socket, &rest));
        fill(socket, &left)
    });
}
