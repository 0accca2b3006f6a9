//! A chat over WebSocket, by clients of tungstenite: what one says, all others hear.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use super::contenders::Built;
use super::load::{Done, Load, Program, Run};

/// How many clients there are.
const CLIENTS: usize = 50;
/// The length of what they say.
const LENGTH: usize = 64;

/// How long they talk.
const TIME: Duration = Duration::from_millis(1000);
const WARM_UP_TIME: Duration = Duration::from_millis(200);

/// How long a message may be under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// The example, and the same on tokio.
pub fn program(built: &Built) -> Result<Program> {
    let mut contenders = built.example("websocket")?.to_vec();
    contenders.push(built.peer("tokio-tungstenite", "tokio_websocket")?);
    let loads = vec![load("one speaks at a time", Chat::speak_in_turn), load("all speak at once", Chat::speak_at_once)];
    let unit = "message that one says and 49 hear";
    Ok(Program { title: "WebSocket", unit, peer: "tokio-tungstenite", contenders, loads })
}

fn load(title: &str, talk: fn(&mut Chat, Duration) -> Result<Done>) -> Load {
    let prepare = move |server: SocketAddr| {
        let mut chat = Chat::join(server)?;
        talk(&mut chat, WARM_UP_TIME)?;
        let run: Run = Box::new(move || talk(&mut chat, TIME));
        Ok(run)
    };
    Load { title: title.to_owned(), prepare: Box::new(prepare) }
}

/// The clients. They wait for one message after the other, which is enough to keep them all busy: what the others are to
/// hear waits in the kernel meanwhile, and is less than that has room for.
struct Chat {
    clients: Vec<WebSocket<TcpStream>>,
    text: Message,
}

impl Chat {
    fn join(server: SocketAddr) -> Result<Chat> {
        let clients: Result<Vec<_>> = (0..CLIENTS).map(|_| join(server)).collect();
        Ok(Chat { clients: clients?, text: Message::text("x".repeat(LENGTH)) })
    }

    /// Each says something when all have heard the one before.
    fn speak_in_turn(&mut self, time: Duration) -> Result<Done> {
        self.talk(time, |chat, turn| {
            let speaker = turn % chat.clients.len();
            chat.say(speaker)?;
            for listener in (0..chat.clients.len()).filter(|&listener| listener != speaker) {
                chat.hear(listener)?;
            }
            Ok(1)
        })
    }

    /// Each says something when all have heard what all said before.
    fn speak_at_once(&mut self, time: Duration) -> Result<Done> {
        self.talk(time, |chat, _| {
            let count = chat.clients.len();
            (0..count).try_for_each(|speaker| chat.say(speaker))?;
            for listener in 0..count {
                (1..count).try_for_each(|_| chat.hear(listener))?;
            }
            Ok(count as u64)
        })
    }

    /// Takes turns until the time is over; a turn answers how many messages were said in it.
    fn talk(&mut self, time: Duration, turn: impl Fn(&mut Chat, usize) -> Result<u64>) -> Result<Done> {
        let start = Instant::now();
        let (mut turns, mut said) = (0, 0);
        while start.elapsed() < time {
            said += turn(self, turns)?;
            turns += 1;
        }
        Ok(Done { requests: said, per_second: said as f64 / start.elapsed().as_secs_f64() })
    }

    fn say(&mut self, speaker: usize) -> Result<()> {
        Ok(self.clients[speaker].send(self.text.clone())?)
    }

    fn hear(&mut self, listener: usize) -> Result<()> {
        let message = self.clients[listener].read().context("a message does not come")?;
        ensure!(message == self.text, "{message:?} was heard, which nobody said");
        Ok(())
    }
}

fn join(server: SocketAddr) -> Result<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let config = Some(WebSocketConfig::default().read_buffer_size(16 * 1024));
    let joined = tungstenite::client::client_with_config(format!("ws://{server}/ws"), stream, config);
    // The error holds the stream that it is about.
    Ok(joined.map_err(|error| anyhow!("the server takes no client: {error}"))?.0)
}
