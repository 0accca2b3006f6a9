//! A chat over WebSocket, by tokio-tungstenite on one thread: what one says, all others hear, as in
//! examples/programs/websocket.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{self, LocalSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

mod listen;

/// The longest message, as in the example.
const MESSAGE_MAX: usize = 1 << 20;
/// As in the example: tungstenite's own default is 128 KiB for each client.
const READ_BUFFER_LENGTH: usize = 4096;
/// Who has so many messages still to take is cut off.
const UNSENT_MAX: usize = 4096;

/// What each client's writing task gets its messages from.
type Room = Rc<RefCell<BTreeMap<u64, mpsc::Sender<Message>>>>;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::from_std(listen::listen("tokio_websocket")?)?;
    let room = Room::default();
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        task::spawn_local(welcome(number, stream, room.clone()));
    }
    Ok(())
}

async fn welcome(number: u64, stream: TcpStream, room: Room) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_LENGTH)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    let Ok(stream) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else { return };
    let (mut sink, mut source) = stream.split();
    let (sender, mut receiver) = mpsc::channel(UNSENT_MAX);
    room.borrow_mut().insert(number, sender);
    let writer = task::spawn_local(async move {
        while let Some(message) = receiver.recv().await {
            sink.feed(message).await?;
            // What else is there goes in the same system call.
            while let Ok(message) = receiver.try_recv() {
                sink.feed(message).await?;
            }
            sink.flush().await?;
        }
        sink.close().await
    });
    while let Some(Ok(message)) = source.next().await {
        if message.is_text() || message.is_binary() {
            // A message is counted references to its bytes: to clone it copies none.
            room.borrow_mut().retain(|other, sender| *other == number || sender.try_send(message.clone()).is_ok());
        }
    }
    room.borrow_mut().remove(&number);
    writer.abort();
}
